"""Settings match the interface: names, aliases, types, defaults, constraints, secrecy."""

import json
import re
import tomllib
from datetime import timedelta
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

import pytest
from pydantic import BaseModel, SecretStr

import prefect.settings
from prefect.settings import Settings, get_current_settings
from prefect.settings.constants import DEFAULT_PROFILES_PATH, PACKAGED_PROFILES
from prefect.settings.legacy import all_leaves, value_at

TABLE: dict[str, Any] = json.loads((Path(__file__).parent / "data" / "settings.json").read_text())

# The interface names the type of the text; here it is the type of the value.
WRITTEN = {
    "client.retry_extra_codes": "set[int]",
    "logging.extra_loggers": "list[str]",
    "plugins.allow": "set[str]",
    "plugins.deny": "set[str]",
    "server.services.db_vacuum.enabled": "bool | set[str]",
    "tasks.default_retry_delay_seconds": "int | float | list[float] | None",
    "testing.test_setting": "Any",
}
OWN_SETTINGS = {"client.exit_timeout_seconds", "logging.full_tracebacks", "results.ship_inline", "runner.fork_server"}
"""Settings that the interface does not have."""
NEVER_NONE = {"Path | None": "Path"}


def type_text(annotation: Any) -> str:
    if annotation is None or annotation is type(None):
        return "None"
    origin, args = get_origin(annotation), get_args(annotation)
    if origin in (Union, UnionType):
        return " | ".join(type_text(arg) for arg in args)
    if origin is Literal:
        return f"Literal[{', '.join(map(repr, args))}]"
    if hasattr(annotation, "__metadata__"):
        return type_text(annotation.__origin__)
    if origin:
        return f"{origin.__name__}[{', '.join(type_text(arg) for arg in args)}]"
    return getattr(annotation, "__name__", str(annotation))


def shown(value: Any, home: Path) -> str:
    value = value.get_secret_value() if isinstance(value, SecretStr) else value
    if isinstance(value, Path):
        return f"Path({str(value).replace(str(home), '$PREFECT_HOME')!r})"
    if isinstance(value, set) and value:
        return f"set({value!r})"
    return repr(value).replace(str(home), "$PREFECT_HOME")


def format_constraints(metadata: list[Any]) -> str:
    found: list[str] = []
    for item in metadata:
        for name in ("gt", "ge", "lt", "le"):
            bound = getattr(item, name, None)
            if bound is not None:
                found.append(f"{name}={bound}")
    return ", ".join(found)


def test_settings_match_interface():
    assert set(all_leaves()) - OWN_SETTINGS == set(TABLE)
    assert len(TABLE) == 227


@pytest.mark.parametrize("accessor", TABLE)
def test_setting_matches_interface(accessor: str, home: Path):
    env, aliases, type_, default, constraints, secret = TABLE[accessor]
    leaf = all_leaves()[accessor]

    assert leaf.names == (env, *aliases)
    assert type_text(leaf.field.annotation) == WRITTEN.get(accessor, type_)
    assert format_constraints(leaf.field.metadata) == constraints
    assert leaf.is_secret == bool(secret)
    assert re.fullmatch(r"[A-Z].*\.", leaf.field.description or ""), "a description is a sentence"

    if accessor == "server.ephemeral.enabled":
        default = "True"  # the packaged profile sets it
    if type_ == "float" and float(default).is_integer():
        default = repr(float(default))
    assert shown(value_at(get_current_settings(), accessor), home) == default


@pytest.mark.parametrize("accessor", TABLE)
def test_default_is_valid(accessor: str):
    leaf = all_leaves()[accessor]
    default = leaf.default()
    if default is None and leaf.derive:
        return  # made from other settings
    checked = leaf.checked(default)
    assert checked == default
    assert type(checked) is type(default)


def test_setting_names_are_module_attributes():
    for accessor, (env, aliases, *_) in TABLE.items():
        for name in (env, *aliases):
            setting = getattr(prefect.settings, name)
            assert setting.name == name
            assert setting.accessor == accessor


def test_toml_tables_match_accessors(load):
    for accessor in TABLE:
        *path, _ = accessor.split(".")
        assert all_leaves()[accessor].path == tuple(path)


def test_packaged_profiles_match_profiles_file():
    document = tomllib.loads(DEFAULT_PROFILES_PATH.read_text())
    assert document["profiles"] == PACKAGED_PROFILES
    assert document["active"] == "ephemeral"


def test_settings_is_a_pydantic_model():
    Settings.define()
    assert Settings.model_fields["tasks"].annotation.__name__ == "TasksSettings"
    schema = Settings.model_json_schema()
    assert schema["$defs"]["TasksSettings"]["properties"]["default_retries"]["minimum"] == 0
    assert Settings().model_dump()["server"]["events"]["retention_period"] == timedelta(days=7)


class Holder(BaseModel):
    settings: Settings


def test_settings_can_be_a_model_field():
    current = get_current_settings()
    assert Holder(settings=current).settings is current
    holder = Holder.model_validate({"settings": {"tasks": {"default_retries": 4}}})
    assert holder.settings.tasks.default_retries == 4
    assert holder.model_dump()["settings"]["tasks"]["default_retries"] == 4
    assert Holder(settings=current).model_dump()["settings"]["home"] == current.home
