"""Precedence and formats of the sources of settings."""

import warnings

import pytest

from prefect.settings import SettingsError, sources
from prefect.settings.sources import read_dotenv

RETRIES = "PREFECT_TASKS_DEFAULT_RETRIES"
OLD_RETRIES = "PREFECT_TASK_DEFAULT_RETRIES"

SOURCES = {
    "profiles": f'active = "mine"\n[profiles.mine]\n{RETRIES} = "1"\n',
    "pyproject.toml": "[tool.prefect.tasks]\ndefault_retries = 2\n",
    "prefect.toml": "[tasks]\ndefault_retries = 3\n",
    ".env": f"{RETRIES}=4\n",
}


@pytest.mark.parametrize("count", range(len(SOURCES) + 1))
def test_higher_source_wins(load, count: int):
    files = dict(list(SOURCES.items())[:count])
    assert load(files).tasks.default_retries == count


def test_environment_wins_over_files_and_constructor_over_all(load):
    settings = load(SOURCES, **{RETRIES: "5"})
    assert settings.tasks.default_retries == 5
    assert type(settings)(tasks={"default_retries": 6}).tasks.default_retries == 6


def test_sources_are_merged(load):
    files = {
        "prefect.toml": "[tasks]\ndefault_retries = 3\n",
        "pyproject.toml": "[tool.prefect.tasks]\ndefault_no_cache = true\ndefault_retries = 9\n",
    }
    tasks = load(files).tasks
    assert (tasks.default_retries, tasks.default_no_cache) == (3, True)


def test_canonical_name_wins_over_older_name(load):
    assert load(**{OLD_RETRIES: "7"}).tasks.default_retries == 7
    assert load(**{RETRIES: "8"}).tasks.default_retries == 8


def test_older_name_in_environment_wins_over_file(load):
    assert load({".env": f"{RETRIES}=9"}, **{OLD_RETRIES: "7"}).tasks.default_retries == 7


def test_environment_names_ignore_case(load):
    assert load(prefect_tasks_default_retries="3").tasks.default_retries == 3


def test_read_dotenv_parses_quotes_and_references(tmp_path):
    path = tmp_path / "x.env"
    path.write_text(
        "# a comment\n"
        "export PREFECT_A=one # and why\n"
        "PREFECT_B = 'two # not a comment ${PREFECT_A}'\n"
        'PREFECT_C="three\\nlines\nof text" # why\n'
        "PREFECT_D=${PREFECT_A}/${NOBODY_HAS_SET_THIS}/${PREFECT_FROM_OUTSIDE}\n"
        "prefect_e=\n"
        "PREFECT_F=a#b\n"
        "not a line\n"
    )
    assert read_dotenv(str(path), {"PREFECT_FROM_OUTSIDE": "out"}) == {
        "PREFECT_A": "one",
        "PREFECT_B": "two # not a comment ${PREFECT_A}",
        "PREFECT_C": "three\nlines\nof text",
        "PREFECT_D": "one/${NOBODY_HAS_SET_THIS}/out",
        "PREFECT_E": "",
        "PREFECT_F": "a#b",
    }


def test_toml_ignores_unknown_keys(load):
    assert load({"prefect.toml": "nope = 1\n[tasks]\nnope = 2\n[neither]\na = 1\n"}).tasks.default_retries == 0


@pytest.mark.parametrize("name", ["prefect.toml", "pyproject.toml"])
def test_invalid_toml_error_names_file(load, name: str):
    with pytest.raises(SettingsError, match=rf"^{name} is not valid TOML: .*line 1.*\. Correct it or remove it\.$"):
        load({name: "[prefect\n"})


def test_toml_error_names_value_in_place_of_table(load):
    with pytest.raises(SettingsError, match=r"^prefect\.toml has a value where the table \[tasks\] is expected\.$"):
        load({"prefect.toml": "tasks = 3\n"})


def test_pyproject_is_not_parsed_without_prefect_table(load):
    assert load({"pyproject.toml": "[broken"}).tasks.default_retries == 0


def test_profile_is_selected_by_variable_then_file(load):
    files = {"profiles": f'active = "a"\n[profiles.a]\n{RETRIES} = "1"\n[profiles.b]\n{RETRIES} = "2"\n'}
    assert load(files).tasks.default_retries == 1
    assert load(PREFECT_PROFILE="b").tasks.default_retries == 2


def test_profile_is_merged_with_packaged_profile(load):
    settings = load({"profiles": 'active = "local"\n[profiles.local]\nPREFECT_DEBUG_MODE = "true"\n'})
    assert settings.debug_mode
    assert settings.api.url == "http://127.0.0.1:4200/api"


@pytest.mark.parametrize("source", [".env", "prefect.toml", "pyproject.toml", "environment"])
def test_profiles_path_can_be_set_in_every_source(load, tmp_path, source: str):
    path = tmp_path / "elsewhere.toml"
    path.write_text(f'active = "x"\n[profiles.x]\n{RETRIES} = "3"\n')
    if source == "environment":
        settings = load(PREFECT_PROFILES_PATH=str(path))
    else:
        text = {
            ".env": f"PREFECT_PROFILES_PATH={path}",
            "prefect.toml": f'profiles_path = "{path}"',
            "pyproject.toml": f'[tool.prefect]\nprofiles_path = "{path}"',
        }[source]
        settings = load({source: text})
    assert settings.tasks.default_retries == 3
    assert settings.profiles_path == path


@pytest.mark.parametrize("name", ["PREFECT_TEST_MODE", "PREFECT_TESTING_TEST_MODE", "PREFECT_UNIT_TEST_MODE"])
def test_test_mode_reads_no_profile(load, name: str):
    settings = load(SOURCES | {"prefect.toml": "", "pyproject.toml": "", ".env": ""}, **{name: "1"})
    assert settings.tasks.default_retries == 0
    assert not settings.server.ephemeral.enabled


def test_invalid_profiles_file_is_ignored_with_warning(load):
    with pytest.warns(UserWarning, match=r"profiles\.toml are ignored"):
        settings = load({"profiles": 'active = "a\n'})
    assert settings.tasks.default_retries == 0


def test_profile_values_can_be_non_strings(load):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        settings = load({"profiles": f'active = "a"\n[profiles.a]\n{RETRIES} = 3\nPREFECT_DEBUG_MODE = true\n'})
    assert (settings.tasks.default_retries, settings.debug_mode) == (3, True)


def test_settings_sources_can_be_called_separately(load):
    load(SOURCES, **{RETRIES: "5"})
    tasks = type(load().tasks)
    expected_values = {
        sources.EnvFilterSettingsSource: "5",
        sources.FilteredDotEnvSettingsSource: "4",
        sources.PrefectTomlConfigSettingsSource: 3,
        sources.PyprojectTomlConfigSettingsSource: 2,
        sources.ProfileSettingsTomlLoader: "1",
    }
    for source, value in expected_values.items():
        assert source(tasks)() == {"default_retries": value}
    assert sources.EnvFilterSettingsSource(tasks, env_filter=[RETRIES])() == {}
    assert sources.FilteredDotEnvSettingsSource(tasks, env_blacklist=[RETRIES])() == {}
