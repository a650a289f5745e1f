"""Plugins: packages that prepare the environment, and collections of blocks that are found by their entry points.

A plugin is an entry point of the group `prefect.plugins`: a module or object with functions marked by `register_hook`.
Collections are entry points of the group `prefect.collections`.
"""

from __future__ import annotations

import asyncio
import functools
import importlib.metadata
import inspect
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeVar, cast, overload

import prefect
from prefect import settings
from prefect._io import in_thread
from prefect.logging.loggers import get_logger

if TYPE_CHECKING:
    import logging

__all__ = [
    "HookContext",
    "HookSpec",
    "PREFECT_PLUGIN_API_VERSION",
    "SetupResult",
    "SetupSummary",
    "load_prefect_collections",
    "register_hook",
    "run_startup_hooks",
    "safe_load_entrypoints",
]

F = TypeVar("F", bound=Callable[..., Any])

PREFECT_PLUGIN_API_VERSION = "0.1"
"""The version of this interface, which a plugin may require with `PREFECT_PLUGIN_API_REQUIRES`."""

PLUGINS_GROUP = "prefect.plugins"
COLLECTIONS_GROUP = "prefect.collections"
_MARK = "prefect-experimental_impl"
"""The attribute of a function that is a hook; that of the original's plugins."""
_SECRET_WORDS = ("SECRET", "TOKEN", "PASSWORD", "KEY")


@dataclass
class HookContext:
    """Facts that a hook receives.

    Attributes:
        prefect_version: The version of the interface.
        api_url: The URL of the API, if one is set.
        logger_factory: Makes a logger from its name.
    """

    prefect_version: str
    api_url: str | None
    logger_factory: Callable[[str], logging.Logger]


@dataclass
class SetupResult:
    """The result of the hook `setup_environment`.

    Attributes:
        env: Environment variables to set.
        note: A remark for people.
        required: Whether a failure stops the program, in strict mode.
    """

    env: Mapping[str, str]
    note: str | None = None
    required: bool = False


@dataclass
class SetupSummary:
    """The outcome of `setup_environment` of one plugin.

    Attributes:
        plugin: The name of the plugin.
        env_preview: The variables that it set, secret ones hidden.
        note: Its remark.
        error: Why it failed; None if it did not.
    """

    plugin: str
    env_preview: dict[str, str]
    note: str | None
    error: str | None


class HookSpec:
    """The hooks that a plugin may have."""

    def setup_environment(self, *, ctx: HookContext) -> SetupResult | None:
        """Prepare the environment of a process; may be async."""

    def set_database_connection_params(self, connection_url: str, settings: Any) -> Mapping[str, Any]:
        """Return parameters for the connection of the server's database."""
        return {}


@overload
def register_hook(function: F, **options: Any) -> F: ...
@overload
def register_hook(function: None = None, **options: Any) -> Callable[[F], F]: ...
def register_hook(function: F | None = None, **options: Any) -> F | Callable[[F], F]:
    """Mark a function as a hook.

    Args:
        function: The function.
        options: `specname` is the hook's name, if it is not the function's; others are for plugin managers.
    """
    if function is None:
        return functools.partial(_mark, options=options)
    return _mark(function, options)


def _mark(function: F, options: dict[str, Any]) -> F:
    setattr(function, _MARK, {"specname": None, **options})
    return function


def safe_load_entrypoints(entrypoints: importlib.metadata.EntryPoints) -> dict[str, Exception | Any]:
    """Load entry points; one that cannot be loaded is given as its exception.

    Returns:
        The objects or exceptions by name; by value for an entry point without a name.
    """
    loaded: dict[str, Exception | Any] = {}
    for entry in entrypoints:
        try:
            loaded[entry.name or entry.value] = entry.load()
        except Exception as error:  # importing a package of others may raise anything
            loaded[entry.name or entry.value] = error
    return loaded


_collections: dict[str, ModuleType | Exception] | None = None


def load_prefect_collections(reload: bool = False) -> dict[str, ModuleType | Exception]:
    """Import all packages that are collections, once in a process; log those that cannot be imported.

    Args:
        reload: Whether to look again for new ones.
    """
    global _collections
    if _collections is None or reload:
        _collections = safe_load_entrypoints(importlib.metadata.entry_points(group=COLLECTIONS_GROUP))
        for name, found in _collections.items():
            if isinstance(found, Exception):
                get_logger("plugins").warning("The collection %r cannot be imported: %s", name, found)
    return _collections


async def run_startup_hooks(ctx: HookContext) -> list[SetupSummary]:
    """Call `setup_environment` of all plugins that the settings allow, and set the variables that they return.

    Raises:
        SystemExit: A plugin that is required failed, and `PREFECT_PLUGINS_STRICT` is set.
    """
    options = settings.get_current_settings().plugins
    if not options.enabled:
        return []
    summaries: list[SetupSummary] = []
    for name, plugin in _iterate_plugins(options):
        for hook in [] if options.safe_mode else _find_hooks(plugin, "setup_environment"):
            summaries.append(await _set_up(name, hook, ctx, options))
    return summaries


def start() -> None:
    """Call the startup hooks of plugins once, if the settings allow: when this package is imported.

    Raises:
        SystemExit: A plugin that is required failed, and `PREFECT_PLUGINS_STRICT` is set.
    """
    current = settings.get_current_settings()
    if current.plugins.enabled:
        context = HookContext(prefect_version=prefect.__version__, api_url=current.api.url, logger_factory=get_logger)
        in_thread(lambda: asyncio.run(run_startup_hooks(context)))


def _iterate_plugins(options: Any) -> Iterator[tuple[str, Any]]:
    for name, plugin in safe_load_entrypoints(importlib.metadata.entry_points(group=PLUGINS_GROUP)).items():
        if (options.allow and name not in options.allow) or name in options.deny:
            continue
        if isinstance(plugin, Exception):
            get_logger("plugins").warning("The plugin %r cannot be loaded: %s", name, plugin)
            continue
        yield name, plugin


def _find_hooks(plugin: Any, hook: str) -> list[Callable[..., Any]]:
    marked = [(name, getattr(plugin, name, None)) for name in dir(plugin)]
    return [
        cast("Callable[..., Any]", function)
        for name, function in marked
        if (mark := getattr(function, _MARK, None)) is not None and (mark.get("specname") or name) == hook
    ]


async def _set_up(name: str, hook: Callable[..., Any], ctx: HookContext, options: Any) -> SetupSummary:
    try:
        async with asyncio.timeout(options.setup_timeout_seconds):
            answer = (
                await hook(ctx=ctx) if inspect.iscoroutinefunction(hook) else await asyncio.to_thread(hook, ctx=ctx)
            )
    except Exception as error:  # the hook is code of others
        message = f"{type(error).__name__}: {error}"
        get_logger("plugins").error("The plugin %r could not set up the environment: %s", name, message)
        if options.strict:
            raise SystemExit(f"The plugin {name!r} failed: {message}") from error
        return SetupSummary(name, {}, None, message)
    if answer is None:
        return SetupSummary(name, {}, None, None)
    os.environ.update(answer.env)
    preview = {key: "••••••" if _is_secret(key) else value for key, value in answer.env.items()}
    return SetupSummary(name, preview, answer.note, None)


def _is_secret(name: str) -> bool:
    return any(word in name.upper() for word in _SECRET_WORDS)
