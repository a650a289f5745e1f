"""Profiles: reading, changing, choosing and writing them."""

import pytest

import prefect.settings
from prefect.exceptions import MissingProfileError, ProfileSettingsValidationError
from prefect.settings import (
    PREFECT_API_KEY,
    PREFECT_API_URL,
    Profile,
    ProfilesCollection,
    SettingsError,
    load_current_profile,
    load_profile,
    load_profiles,
    save_profiles,
    temporary_settings,
    update_current_profile,
)
from prefect.settings.constants import DEFAULT_PROFILES_PATH
from prefect.settings.context import get_settings_context, use_profile

RETRIES = prefect.settings.PREFECT_TASKS_DEFAULT_RETRIES
MINE = 'active = "mine"\n\n[profiles.mine]\nPREFECT_TASK_DEFAULT_RETRIES = "3" # why\n'


@pytest.fixture
def path(home):
    home.mkdir()
    return home / "profiles.toml"


def test_load_profiles_includes_packaged_profiles(home):
    profiles = load_profiles()
    assert list(profiles) == ["ephemeral", "local", "test", "cloud"]
    assert profiles.active_name == "ephemeral"
    assert profiles["local"].source == DEFAULT_PROFILES_PATH
    assert load_profiles(include_defaults=False) == ProfilesCollection([])


def test_load_profile_converts_older_names(path):
    path.write_text(MINE)
    profile = load_profile("mine")
    assert profile.settings == {RETRIES: "3"}
    assert profile.source == path
    assert profile.to_environment_variables() == {"PREFECT_TASKS_DEFAULT_RETRIES": "3"}


@pytest.mark.parametrize(
    "names", [("PREFECT_TASK_DEFAULT_RETRIES", RETRIES.name), (RETRIES.name, "PREFECT_TASK_DEFAULT_RETRIES")]
)
def test_profile_prefers_canonical_name(names):
    values = {name: "1" if name == RETRIES.name else "2" for name in names}
    assert Profile(name="a", settings=values).settings == {RETRIES: "1"}  # pyright: ignore[reportArgumentType]


def test_profile_ignores_unknown_setting_with_suggestion():
    with pytest.warns(
        UserWarning, match=r"^PREFECT_API_URRL is not a setting and is ignored\. Did you mean PREFECT_API_URL\?$"
    ):
        profile = Profile(name="a", settings={"PREFECT_API_URRL": "x"})  # pyright: ignore[reportArgumentType]
    assert profile.settings == {}


def test_validate_settings_lists_invalid_values():
    profile = Profile(name="a", settings={RETRIES: "x", PREFECT_API_URL: "u"})
    with pytest.raises(ProfileSettingsValidationError) as caught:
        profile.validate_settings()
    assert [setting.name for setting, _ in caught.value.errors] == [RETRIES.name]


def test_profile_functions_raise_for_unknown_profile():
    with pytest.raises(MissingProfileError, match="no profile 'nope'"):
        load_profile("nope")
    with pytest.raises(ValueError, match="no profile 'nope'"):
        load_profiles().set_active("nope")
    with pytest.raises(KeyError):
        load_profiles().remove_profile("nope")
    with pytest.raises(ValueError, match="already"):
        load_profiles().add_profile(Profile(name="local"))


def test_save_profiles_keeps_other_content_and_restricts_access(path):
    path.write_text("# mine\n" + MINE)
    profiles = load_profiles()
    profiles.update_profile("other", {PREFECT_API_URL: "u"})
    save_profiles(profiles)
    assert path.read_text() == (
        '# mine\nactive = "mine"\n\n[profiles.mine]\nPREFECT_TASKS_DEFAULT_RETRIES = "3"\n\n'
        '[profiles.other]\nPREFECT_API_URL = "u"\n'
    )
    assert path.stat().st_mode & 0o777 == 0o600
    assert load_profiles()["other"].settings == {PREFECT_API_URL: "u"}


def test_save_profiles_keeps_comments(path):
    text = MINE.replace("TASK_", "TASKS_")
    path.write_text(text)
    save_profiles(load_profiles())
    assert path.read_text() == text


def test_save_profiles_removes_deleted_profiles_and_settings(path):
    path.write_text(MINE + '\n[profiles.gone]\nPREFECT_API_URL = "u"\n')
    profiles = load_profiles()
    profiles.remove_profile("gone")
    profiles.update_profile("mine", {RETRIES: None, PREFECT_API_KEY: "k"})
    save_profiles(profiles)
    assert "gone" not in path.read_text()
    assert load_profiles()["mine"].settings == {PREFECT_API_KEY: "k"}


def test_save_profiles_does_not_overwrite_invalid_toml(path):
    path.write_text("[broken")
    with pytest.warns(UserWarning, match="ignored"):
        profiles = load_profiles()
    with pytest.raises(SettingsError, match="not valid TOML"):
        save_profiles(profiles)
    assert path.read_text() == "[broken"


def test_update_current_profile_saves_valid_changes(path):
    path.write_text(MINE)
    assert load_current_profile().name == "mine"
    changed = update_current_profile({"PREFECT_API_URL": "u", RETRIES: None})
    assert changed.settings == load_profiles()["mine"].settings == {PREFECT_API_URL: "u"}
    with pytest.raises(ProfileSettingsValidationError):
        update_current_profile({RETRIES: "x"})
    assert load_profiles()["mine"].settings == {PREFECT_API_URL: "u"}


def test_update_current_profile_copies_packaged_profile(path):
    update_current_profile({"PREFECT_API_URL": "z"})
    assert load_profiles(include_defaults=False)["ephemeral"].settings[PREFECT_API_URL] == "z"


def test_use_profile_applies_values_inside_block(path, monkeypatch):
    path.write_text(MINE + '[profiles.a]\nPREFECT_TASK_DEFAULT_RETRIES = "5"\n')
    monkeypatch.setenv(RETRIES.name, "7")
    with use_profile("a") as context:
        assert context.settings.tasks.default_retries == 7
        assert get_settings_context().profile.name == "a"
    with use_profile("a", override_environment_variables=True):
        assert RETRIES.value() == 5
    with temporary_settings({RETRIES: 99}):
        with use_profile("a"):
            assert RETRIES.value() == 99
        with use_profile(Profile(name="x", settings={RETRIES: "2"}), True, include_current_context=False) as context:
            assert RETRIES.value() == 2
            assert context.profile.name == "x"
