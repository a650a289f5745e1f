"""The error for invalid settings and settings files."""

from __future__ import annotations

from prefect.exceptions import PrefectException


class SettingsError(PrefectException, ValueError):
    """A setting has an invalid value, or a settings file cannot be read.

    The message names the variable, the value (hidden when it is a secret), the expectation and the source of the
    value.
    """
