"""Which source wins, and what each may look like."""

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
def test_the_higher_source_wins(load, count: int):
    files = dict(list(SOURCES.items())[:count])
    assert load(files).tasks.default_retries == count


def test_the_environment_wins_over_files_and_the_constructor_over_all(load):
    settings = load(SOURCES, **{RETRIES: "5"})
    assert settings.tasks.default_retries == 5
    assert type(settings)(tasks={"default_retries": 6}).tasks.default_retries == 6


def test_sources_complete_each_other(load):
    files = {
        "prefect.toml": "[tasks]\ndefault_retries = 3\n",
        "pyproject.toml": "[tool.prefect.tasks]\ndefault_no_cache = true\ndefault_retries = 9\n",
    }
    tasks = load(files).tasks
    assert (tasks.default_retries, tasks.default_no_cache) == (3, True)


def test_an_older_name_counts_and_the_canonical_one_wins(load):
    assert load(**{OLD_RETRIES: "7"}).tasks.default_retries == 7
    assert load(**{RETRIES: "8"}).tasks.default_retries == 8


def test_an_older_name_in_the_environment_wins_over_the_canonical_one_in_a_file(load):
    assert load({".env": f"{RETRIES}=9"}, **{OLD_RETRIES: "7"}).tasks.default_retries == 7


def test_names_in_lower_case_count(load):
    assert load(prefect_tasks_default_retries="3").tasks.default_retries == 3


def test_dotenv(tmp_path):
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


def test_unknown_keys_of_toml_files_are_ignored(load):
    assert load({"prefect.toml": "nope = 1\n[tasks]\nnope = 2\n[neither]\na = 1\n"}).tasks.default_retries == 0


@pytest.mark.parametrize("name", ["prefect.toml", "pyproject.toml"])
def test_a_file_that_is_not_toml_is_named(load, name: str):
    with pytest.raises(SettingsError, match=rf"^{name} is not valid TOML: .*line 1.*\. Correct it or remove it\.$"):
        load({name: "[prefect\n"})


def test_a_value_where_a_table_belongs_is_named(load):
    with pytest.raises(SettingsError, match=r"^prefect\.toml has a value where the table \[tasks\] is expected\.$"):
        load({"prefect.toml": "tasks = 3\n"})


def test_a_pyproject_of_others_is_not_parsed(load):
    assert load({"pyproject.toml": "[broken"}).tasks.default_retries == 0


def test_the_profile_is_chosen_by_variable_then_by_the_file(load):
    files = {"profiles": f'active = "a"\n[profiles.a]\n{RETRIES} = "1"\n[profiles.b]\n{RETRIES} = "2"\n'}
    assert load(files).tasks.default_retries == 1
    assert load(PREFECT_PROFILE="b").tasks.default_retries == 2


def test_a_profile_completes_the_packaged_one_of_its_name(load):
    settings = load({"profiles": 'active = "local"\n[profiles.local]\nPREFECT_DEBUG_MODE = "true"\n'})
    assert settings.debug_mode
    assert settings.api.url == "http://127.0.0.1:4200/api"


@pytest.mark.parametrize("where", [".env", "prefect.toml", "pyproject.toml", "environment"])
def test_the_profiles_file_may_be_elsewhere(load, tmp_path, where: str):
    path = tmp_path / "elsewhere.toml"
    path.write_text(f'active = "x"\n[profiles.x]\n{RETRIES} = "3"\n')
    if where == "environment":
        settings = load(PREFECT_PROFILES_PATH=str(path))
    else:
        text = {
            ".env": f"PREFECT_PROFILES_PATH={path}",
            "prefect.toml": f'profiles_path = "{path}"',
            "pyproject.toml": f'[tool.prefect]\nprofiles_path = "{path}"',
        }[where]
        settings = load({where: text})
    assert settings.tasks.default_retries == 3
    assert settings.profiles_path == path


@pytest.mark.parametrize("name", ["PREFECT_TEST_MODE", "PREFECT_TESTING_TEST_MODE", "PREFECT_UNIT_TEST_MODE"])
def test_no_profile_is_read_while_testing(load, name: str):
    settings = load(SOURCES | {"prefect.toml": "", "pyproject.toml": "", ".env": ""}, **{name: "1"})
    assert settings.tasks.default_retries == 0
    assert not settings.server.ephemeral.enabled


def test_profiles_that_are_not_toml_are_ignored_with_a_warning(load):
    with pytest.warns(UserWarning, match=r"profiles\.toml are ignored"):
        settings = load({"profiles": 'active = "a\n'})
    assert settings.tasks.default_retries == 0


def test_values_of_a_profile_need_not_be_texts(load):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        settings = load({"profiles": f'active = "a"\n[profiles.a]\n{RETRIES} = 3\nPREFECT_DEBUG_MODE = true\n'})
    assert (settings.tasks.default_retries, settings.debug_mode) == (3, True)


def test_each_source_can_be_asked_alone(load):
    load(SOURCES, **{RETRIES: "5"})
    tasks = type(load().tasks)
    asked = {
        sources.EnvFilterSettingsSource: "5",
        sources.FilteredDotEnvSettingsSource: "4",
        sources.PrefectTomlConfigSettingsSource: 3,
        sources.PyprojectTomlConfigSettingsSource: 2,
        sources.ProfileSettingsTomlLoader: "1",
    }
    for source, value in asked.items():
        assert source(tasks)() == {"default_retries": value}
    assert sources.EnvFilterSettingsSource(tasks, env_filter=[RETRIES])() == {}
    assert sources.FilteredDotEnvSettingsSource(tasks, env_blacklist=[RETRIES])() == {}
