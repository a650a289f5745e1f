"""Settings of tests."""

from typing import Any

from prefect.settings.base import PrefectBaseSettings, build_settings_config, setting


class TestingSettings(PrefectBaseSettings):
    """Settings of tests."""

    model_config = build_settings_config(("testing",))

    test_mode: bool = setting(
        False,
        "Whether a test is running: profiles are not read and everything is logged.",
        aliases=("PREFECT_TEST_MODE",),
    )
    test_setting: Any = setting("FOO", "A setting for tests of settings.", aliases=("PREFECT_TEST_SETTING",))
    unit_test_loop_debug: bool = setting(
        True, "Whether the event loops of unit tests are in debug mode.", aliases=("PREFECT_UNIT_TEST_LOOP_DEBUG",)
    )
    unit_test_mode: bool = setting(
        False, "Whether a unit test of Prefect itself is running.", aliases=("PREFECT_UNIT_TEST_MODE",)
    )
