"""Settings of tests."""

from typing import Any

from prefect.settings.base import PrefectBaseSettings, build_settings_config, setting


class TestingSettings(PrefectBaseSettings):
    """Settings of tests."""

    model_config = build_settings_config(("testing",), former_prefix="PREFECT_")

    test_mode: bool = setting(
        False, "Whether a test is running: profiles are not read and everything is logged.", renamed=True
    )
    test_setting: Any = setting("FOO", "A setting for tests of settings.", renamed=True)
    unit_test_loop_debug: bool = setting(True, "Whether the event loops of unit tests are in debug mode.", renamed=True)
    unit_test_mode: bool = setting(False, "Whether a unit test of Prefect itself is running.", renamed=True)
