"""Configure logging once a process, from the defaults, the environment and the user's `logging.yml`.

Most processes change nothing: for them the handlers are made directly, without YAML and `logging.config`. A file, or a
class that is not of this package, goes through `logging.config.dictConfig`. Both start from `_defaults`.

Every key of the configuration can be overridden by an environment variable: `PREFECT_LOGGING_` and the keys that lead
to it, such as PREFECT_LOGGING_LOGGERS_PREFECT_FLOW_RUNS_LEVEL.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from prefect import _forks
from prefect._lazy import lazy_modules
from prefect.logging import _defaults
from prefect.logging._explicit_settings import explicit_value, is_explicit
from prefect.logging.filters import ObfuscateApiKeyFilter
from prefect.logging.formatters import PrefectFormatter
from prefect.logging.handlers import (
    APILogHandler,
    PrefectConsoleHandler,
    WorkerAPILogHandler,
    _SafeStreamHandler,  # pyright: ignore[reportPrivateUsage]  # its name belongs to configurations
)

if TYPE_CHECKING:
    import logging.config as logging_config
    import string

    import yaml

    from prefect import settings
else:
    logging_config, settings, string, yaml = lazy_modules("logging.config", "prefect.settings", "string", "yaml")

DEFAULT_LOGGING_SETTINGS_PATH = Path(__file__).parent / "logging.yml"
"""The default configuration as a file, to copy and change."""

PROCESS_LOGGING_CONFIG: dict[str, Any] = {}
"""The configuration of this process; empty before logging is set up."""

_PREFIX = "PREFECT_LOGGING_"
# Settings, and therefore not overrides of a key of the configuration.
_SETTINGS = frozenset(
    _PREFIX + name
    for name in (
        "COLORS",
        "CONFIG_PATH",
        "EXTRA_LOGGERS",
        "FULL_TRACEBACKS",
        "INTERNAL_LEVEL",
        "LEVEL",
        "LOG_PRINTS",
        "MARKUP",
        "SERVER_LEVEL",
        "SETTINGS_PATH",
        "TO_API_BATCH_INTERVAL",
        "TO_API_BATCH_SIZE",
        "TO_API_ENABLED",
        "TO_API_MAX_LOG_SIZE",
        "TO_API_WHEN_MISSING_FLOW",
    )
)
_OWN_CLASSES: dict[str, Callable[..., Any]] = {
    "prefect.logging.formatters.PrefectFormatter": PrefectFormatter,
    "prefect.logging.handlers.PrefectConsoleHandler": PrefectConsoleHandler,
    "prefect.logging.handlers.APILogHandler": APILogHandler,
    "prefect.logging.handlers.WorkerAPILogHandler": WorkerAPILogHandler,
    "prefect.logging.handlers._SafeStreamHandler": _SafeStreamHandler,
}
_SILENT_PACKAGES = frozenset({"logging", "_pytest", "opentelemetry", "sentry_sdk"})
"""Packages whose handlers keep records or send them away."""

_own_root_handlers: list[logging.Handler] = []
_lock = _forks.create_rlock()


def ensure_logging_setup() -> None:
    """Set up logging once; a configuration that cannot be applied is reported on stderr and replaced by the defaults.

    Called before the first log record, so it must not fail.
    """
    if PROCESS_LOGGING_CONFIG:
        return
    with _lock:
        if PROCESS_LOGGING_CONFIG:
            return
        try:
            setup_logging()
        except Exception as error:  # any mistake in a user's file
            sys.stderr.write(f"The logging configuration could not be applied, the defaults are used: {error}\n")
            _apply(_default_config(), first=True)


def setup_logging(incremental: bool | None = None) -> dict[str, Any]:
    """Set up logging for this process and return the configuration that was applied.

    Root handlers that the program has added stay. If one of them shows records to people, the root logger is not
    changed.

    Args:
        incremental: Whether to change only levels and `propagate`. By default only the first call changes more.

    Raises:
        ValueError: The configuration names something that does not exist, which the message names.
    """
    with _lock:
        first = not PROCESS_LOGGING_CONFIG
        path = Path(settings.get_current_settings().logging.config_path)
        from_file = path.exists()
        config = load_logging_config(path) if from_file else _overridden(_default_config())
        config["incremental"] = (not first) if incremental is None else incremental
        _apply(config, first, from_file)
        return config


def load_logging_config(path: Path) -> dict[str, Any]:
    """Read a configuration file: YAML in which `${PREFECT_...}` stands for a setting, then the environment's overrides.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is not a mapping in YAML.
    """
    template = string.Template(path.read_text(encoding="utf-8"))
    try:
        config: Any = yaml.safe_load(template.safe_substitute(_SettingValues()))
    except yaml.YAMLError as error:
        raise ValueError(f"The logging configuration {path} is not YAML: {error}") from error
    if not isinstance(config, dict):
        raise ValueError(f"The logging configuration {path} must be a mapping of keys to values.")
    return _overridden(cast("dict[str, Any]", config))


def to_envvar(name: str) -> str:
    """Return a key as part of an environment variable's name: letters, digits and underscores."""
    text = "".join(letter if letter.isascii() and letter.isalnum() else " " for letter in name)
    return ("_" if text[:1] == " " else "") + "_".join(text.split()) + ("_" if text[-1:] == " " else "")


def _default_config() -> dict[str, Any]:
    current = settings.get_current_settings()
    if is_explicit(current, "debug_mode") or is_explicit(
        current, "testing.test_mode", "PREFECT_TEST_MODE"
    ):  # which change the other levels
        return _defaults.default_config(
            current.logging.level, current.server.logging_level, current.internal.logging_level
        )
    server = explicit_value(current, "server.logging_level", "PREFECT_LOGGING_SERVER_LEVEL")
    internal = explicit_value(current, "internal.logging_level", "PREFECT_LOGGING_INTERNAL_LEVEL")
    return _defaults.default_config(current.logging.level, server or "WARNING", internal or "ERROR")


class _SettingValues(dict[str, str]):
    """The values of settings by the names of their environment variables; unknown names are not substituted."""

    def __missing__(self, name: str) -> str:
        if not name.startswith("PREFECT_"):
            raise KeyError(name)
        try:
            return str(getattr(settings, name).value())
        except AttributeError:
            raise KeyError(name) from None


def _overridden(config: dict[str, Any]) -> dict[str, Any]:
    environment = {name: value for name, value in os.environ.items() if name.startswith(_PREFIX) and value}
    if environment.keys() - _SETTINGS:
        for holder, key, path in _leaves(config):
            value = environment.get(_PREFIX + to_envvar("_".join(path)).upper())
            if value is not None:
                holder[key] = _parse(value, holder[key], key)
    return config


def _leaves(
    config: dict[str, Any], path: tuple[str, ...] = ()
) -> Iterator[tuple[dict[str, Any], str, tuple[str, ...]]]:
    for key, value in config.items():
        if isinstance(value, dict):
            yield from _leaves(cast("dict[str, Any]", value), (*path, str(key)))
        else:
            yield config, key, (*path, str(key))


def _parse(value: str, default: Any, key: str) -> Any:
    """Parse an environment variable as the type of the key's default."""
    if isinstance(default, bool):
        return value.strip().lower() in ("1", "true", "t", "yes", "y", "on")
    if isinstance(default, list):
        return [name for part in value.strip("[] ").split(",") if (name := part.strip(" '\""))]
    if key == "level":
        return int(value) if value.isdecimal() else value.upper()
    return int(value) if isinstance(default, int) and value.isdecimal() else value


def _apply(config: dict[str, Any], first: bool, from_file: bool = False) -> None:
    program_handlers = [handler for handler in logging.root.handlers if handler not in _own_root_handlers]
    defers = any(map(_shows_records, program_handlers)) if first else "root" not in PROCESS_LOGGING_CONFIG
    if defers:
        config.pop("root", None)
    root_level = logging.root.level
    if config.get("incremental"):
        _apply_levels(config)
    elif from_file or not _is_own(config):
        logging_config.dictConfig(config)
    else:
        _apply_directly(config)
    if "root" in config and not config.get("incremental"):
        _own_root_handlers[:] = logging.root.handlers
        if program_handlers:
            _add_handlers(logging.root, program_handlers)
            logging.root.setLevel(root_level)
    extra = config.get("loggers", {}).get("prefect.extra")
    for name in _extra_loggers() if extra else ():
        _add_handlers(logging.getLogger(name), logging.getLogger("prefect.extra").handlers)
    for name in ("prefect", "prefect.client", "prefect.flow_runs", "prefect.task_runs"):
        hide_secrets(logging.getLogger(name))
    PROCESS_LOGGING_CONFIG.clear()
    PROCESS_LOGGING_CONFIG.update(config)


def _shows_records(handler: logging.Handler) -> bool:
    """Return whether a handler of the program's shows records to people; one of an unknown kind is taken to do so."""
    kind = type(handler)
    if isinstance(handler, logging.StreamHandler) and not isinstance(handler, logging.FileHandler):
        stream = cast("Any", handler).stream
        return stream in (sys.stderr, sys.stdout) or getattr(stream, "name", None) in ("<stderr>", "<stdout>")
    package = kind.__module__.partition(".")[0]
    return not isinstance(handler, (logging.NullHandler, logging.FileHandler)) and package not in _SILENT_PACKAGES


def hide_secrets(logger: logging.Logger) -> None:
    """Add the filter that redacts secrets to a logger."""
    if not any(isinstance(known, ObfuscateApiKeyFilter) for known in logger.filters):
        logger.addFilter(ObfuscateApiKeyFilter())


def _apply_levels(config: dict[str, Any]) -> None:
    for name, spec in config.get("loggers", {}).items():
        _apply_level(logging.getLogger(name), spec)
    if "root" in config:
        _apply_level(logging.root, config["root"])
    for logger in (logging.root, *map(logging.getLogger, config.get("loggers", ()))):
        for handler in logger.handlers:
            spec = config.get("handlers", {}).get(handler.name)
            if spec and "level" in spec:
                handler.setLevel(spec["level"])


def _apply_level(logger: logging.Logger, spec: dict[str, Any]) -> None:
    if "level" in spec:
        logger.setLevel(spec["level"])
    if "propagate" in spec:
        logger.propagate = bool(spec["propagate"])


def _is_own(config: dict[str, Any]) -> bool:
    """Return whether `_apply_directly` can make every handler and formatter of a configuration."""
    for spec in config["handlers"].values():
        formatter = config["formatters"].get(spec.get("formatter"), {})
        if spec["class"] not in _OWN_CLASSES or spec.get("stream", "ext://sys.stderr") != "ext://sys.stderr":
            return False
        if (
            "class" in formatter
            or formatter.get("()", PrefectFormatter.__module__ + ".PrefectFormatter") not in _OWN_CLASSES
        ):
            return False
    used = [spec.get("handlers", ()) for spec in (*config["loggers"].values(), config.get("root", {}))]
    return all(name in config["handlers"] for names in used for name in names)


def _apply_directly(config: dict[str, Any]) -> None:
    handlers = {name: _make_handler(name, spec, config["formatters"]) for name, spec in config["handlers"].items()}
    named = [(logging.getLogger(name), spec) for name, spec in config["loggers"].items()]
    if "root" in config:
        named.append((logging.root, config["root"]))
    for logger, spec in named:
        logger.handlers.clear()
        logger.propagate = True
        _add_handlers(logger, [handlers[name] for name in spec.get("handlers", ())])
        _apply_level(logger, spec)


def _make_handler(name: str, spec: dict[str, Any], formatters: dict[str, Any]) -> logging.Handler:
    options = {"styles": spec["styles"]} if "styles" in spec else {}
    handler: logging.Handler = _OWN_CLASSES[spec["class"]](**options)
    handler.setLevel(spec.get("level", logging.NOTSET))
    handler.set_name(name)
    if "formatter" in spec:
        form = dict(formatters[spec["formatter"]])
        own = form.pop("()", None)
        make = _OWN_CLASSES[own] if own else logging.Formatter
        handler.setFormatter(make(**form) if own else make(form.get("format"), form.get("datefmt")))
    return handler


def _add_handlers(logger: logging.Logger, handlers: list[logging.Handler]) -> None:
    for handler in handlers:
        logger.addHandler(handler)


def _extra_loggers() -> list[str]:
    """Return the names of the other packages' loggers whose records are stored with the run."""
    value: str | list[str] | None = settings.get_current_settings().logging.extra_loggers
    names = value.split(",") if isinstance(value, str) else value or []
    return [name.strip() for name in names if name.strip()]
