"""The current settings, temporary settings, and their comparison, copies and export."""

import copy
import pickle
import subprocess
import sys
import threading

import pytest

import prefect.settings
from prefect.settings import (
    PREFECT_API_KEY,
    PREFECT_API_URL,
    Setting,
    Settings,
    SettingsError,
    get_current_settings,
    temporary_settings,
)
from prefect.settings.base import PrefectBaseSettings, build_settings_config, group, setting
from prefect.settings.context import (
    SettingsContext,
    get_settings_context,
    refresh_global_settings_context,
)

RETRIES = prefect.settings.PREFECT_TASKS_DEFAULT_RETRIES


def test_import_of_settings_does_not_import_pydantic():
    code = "import sys, prefect.settings; print('pydantic' in sys.modules, 'tomllib' in sys.modules)"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.split() == ["False", "False"]


def test_setting_access_builds_only_its_group():
    code = (
        "import sys; from prefect.settings import get_current_settings as g; g().tasks.default_retries; g().home;"
        "print(*sorted(m for m in sys.modules if m.startswith('prefect.settings.models.')));"
        "print('tomllib' in sys.modules, 'tomlkit' in sys.modules)"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.splitlines() == [
        "prefect.settings.models.root prefect.settings.models.tasks",
        "False False",
    ]


def test_current_settings_are_cached_until_refresh(monkeypatch):
    first = get_current_settings()
    monkeypatch.setenv(RETRIES.name, "4")
    assert get_current_settings() is first
    assert get_current_settings().tasks is first.tasks
    refresh_global_settings_context()
    assert get_current_settings().tasks.default_retries == 4


@pytest.mark.parametrize(
    "key", [RETRIES, "PREFECT_TASKS_DEFAULT_RETRIES", "PREFECT_TASK_DEFAULT_RETRIES", RETRIES.accessor]
)
def test_temporary_settings_apply_inside_block(key):
    with temporary_settings({key: 3}) as settings:
        assert get_current_settings() is settings
        assert settings.tasks.default_retries == RETRIES.value() == 3
    assert RETRIES.value() == 0


def test_temporary_settings_can_be_nested():
    with temporary_settings({RETRIES: 3}):
        with temporary_settings(restore_defaults={RETRIES}) as inner:
            assert inner.tasks.default_retries == 0
        with temporary_settings(
            set_defaults={RETRIES: 9, prefect.settings.PREFECT_TASKS_DEFAULT_NO_CACHE: True}
        ) as inner:
            assert (inner.tasks.default_retries, inner.tasks.default_no_cache) == (3, True)
        with temporary_settings({PREFECT_API_URL: None}) as inner:
            assert inner.tasks.default_retries == 3
            assert inner.model_dump(exclude_unset=True)["api"] == {"url": None}


def test_restore_defaults_wins_over_every_source(monkeypatch):
    monkeypatch.setenv(RETRIES.name, "4")
    with temporary_settings(restore_defaults=[RETRIES.name]) as settings:
        assert settings.tasks.default_retries == 0
        with temporary_settings({RETRIES: 2}) as inner:
            assert inner.tasks.default_retries == 2


def test_temporary_settings_are_validated_on_entry():
    with pytest.raises(SettingsError, match=r"PREFECT_TASKS_DEFAULT_RETRIES is -1 \(from program code\)"):
        with temporary_settings({RETRIES: -1}):
            raise AssertionError
    with pytest.raises(SettingsError, match=r"no setting 'tasks\.default_retry'\. Did you mean .*_DEFAULT_RETRIES\?"):
        with temporary_settings({"tasks.default_retry": 1}):
            raise AssertionError


def test_temporary_settings_do_not_apply_to_other_threads():
    seen: list[int] = []
    with temporary_settings({RETRIES: 3}):
        thread = threading.Thread(target=lambda: seen.append(get_current_settings().tasks.default_retries))
        thread.start()
        thread.join()
    assert seen == [0]


def test_copy_with_update_keeps_assigned_values():
    settings = Settings()
    settings.tasks.default_retries = 5
    assert settings.copy_with_update({"debug_mode": True}).tasks.default_retries == 5


def test_settings_copies_and_pickles_are_equal():
    settings = Settings()
    assert settings == Settings()
    changed = Settings(tasks={"default_retries": 1})
    assert settings != changed
    for twin in (copy.copy(changed), copy.deepcopy(changed), pickle.loads(pickle.dumps(changed)), changed.model_copy()):
        assert twin == changed
        assert twin.copy_with_update({"debug_mode": True}).tasks.default_retries == 1
    assert settings.hash_key() == Settings().hash_key() != changed.hash_key()
    with pytest.raises(TypeError):
        hash(settings)


def test_to_environment_variables_exports_set_values(load):
    settings = load(
        PREFECT_TASK_DEFAULT_RETRIES="9",
        PREFECT_API_KEY="k",
        PREFECT_PLUGINS_ALLOW="b,a",
        PREFECT_CLIENT_CUSTOM_HEADERS='{"a": "b"}',
        PREFECT_TASKS_DEFAULT_RETRY_DELAY_SECONDS="3,1",
    )
    expected = {
        "PREFECT_HOME": str(settings.home),
        "PREFECT_API_KEY": "k",
        "PREFECT_CLIENT_CUSTOM_HEADERS": '{"a": "b"}',
        "PREFECT_PLUGINS_ALLOW": "a,b",
        "PREFECT_SERVER_EPHEMERAL_ENABLED": "True",
        "PREFECT_TASKS_DEFAULT_RETRIES": "9",
        "PREFECT_TASKS_DEFAULT_RETRY_DELAY_SECONDS": "3.0,1.0",
    }
    assert settings.to_environment_variables(exclude_unset=True) == expected
    hidden = settings.to_environment_variables(exclude_unset=True, include_secrets=False)
    assert hidden == expected | {"PREFECT_API_KEY": "**********"}
    aliased = settings.to_environment_variables(exclude_unset=True, include_aliases=True)
    assert aliased["PREFECT_TASK_DEFAULT_RETRIES"] == aliased["PREFECT_TASKS_DEFAULT_RETRIES"] == "9"
    assert settings.tasks.to_environment_variables(exclude_unset=True).keys() == {
        "PREFECT_TASKS_DEFAULT_RETRIES",
        "PREFECT_TASKS_DEFAULT_RETRY_DELAY_SECONDS",
    }


def test_to_environment_variables_round_trips(load):
    settings = load(PREFECT_FLOWS_DEFAULT_RETRY_DELAY_SECONDS="[3, 1]", PREFECT_API_URL="http://h/api")
    again = load(**settings.to_environment_variables())
    assert again == settings


def test_model_dump_has_nested_groups(load):
    settings = load(PREFECT_API_URL="http://h/api")
    assert settings.model_dump(mode="json")["api"]["url"] == "http://h/api"
    assert settings.model_dump(exclude_unset=True)["api"] == {"url": "http://h/api"}
    assert '"url":"http://h/api"' in settings.model_dump_json()


def test_setting_constant_has_value_and_default():
    assert PREFECT_API_KEY.is_secret
    assert not PREFECT_API_URL.is_secret
    assert repr(PREFECT_API_URL) == "<PREFECT_API_URL: str | None>"
    assert not PREFECT_API_URL
    with temporary_settings({PREFECT_API_URL: "x", PREFECT_API_KEY: "secret"}) as settings:
        assert PREFECT_API_URL
        assert PREFECT_API_URL == "x"
        assert PREFECT_API_KEY.value() == PREFECT_API_KEY.value_from(settings) == "secret"
    assert prefect.settings.PREFECT_TASK_DEFAULT_RETRIES == RETRIES
    assert len({prefect.settings.PREFECT_TASK_DEFAULT_RETRIES, RETRIES}) == 1
    assert Setting("PREFECT_TASKS_DEFAULT_RETRIES", 0, int).accessor == "tasks.default_retries"
    assert RETRIES.default() == 0


@pytest.mark.parametrize("name", ["PREFECT_API_URRL", "prefect_api_url", "foo"])
def test_module_attribute_raises_for_unknown_setting(name: str):
    with pytest.raises(AttributeError, match=name):
        getattr(prefect.settings, name)


def test_unknown_setting_error_suggests_similar_name():
    with pytest.raises(AttributeError, match=r"Did you mean PREFECT_API_URL\?"):
        prefect.settings.PREFECT_API_URRL


def test_settings_context_serialize_and_hydrate(load, monkeypatch):
    with temporary_settings({RETRIES: 3, PREFECT_API_KEY: "k"}):
        described = get_settings_context().serialize()
        assert "k" not in get_settings_context().serialize(include_secrets=False)["settings"].values()
    with SettingsContext.hydrate(described) as context:
        assert RETRIES.value() == 3
        assert PREFECT_API_KEY.value() == "k"
        assert context.profile.name == "ephemeral"
    assert RETRIES.value() == 0


def test_unknown_profile_is_reported_on_stderr(monkeypatch, capsys):
    monkeypatch.setenv("PREFECT_PROFILE", "nope")
    assert get_settings_context().profile_name == "ephemeral"
    assert "there is no profile 'nope'" in capsys.readouterr().err


class Inner(PrefectBaseSettings):
    model_config = build_settings_config(("integrations", "x", "inner"))

    a: int = 1


class Outer(PrefectBaseSettings):
    model_config = build_settings_config(("integrations", "x"))

    inner: Inner = group(Inner)
    b: str = setting("q", "A letter.")


def test_settings_can_be_defined_by_other_packages(load):
    assert Outer().model_dump() == {"inner": {"a": 1}, "b": "q"}
    load(PREFECT_INTEGRATIONS_X_INNER_A="4")
    assert Outer().inner.a == 4
    assert (Outer(b="k", inner={"a": 3}).inner.a, Outer(inner=Inner(a=5)).inner.a) == (3, 5)
    load({"prefect.toml": '[integrations.x]\nb = "z"\n'})
    assert Outer().to_environment_variables() == {
        "PREFECT_INTEGRATIONS_X_B": "z",
        "PREFECT_INTEGRATIONS_X_INNER_A": "4",
    }
