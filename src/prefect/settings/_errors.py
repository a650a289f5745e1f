"""What is raised when a setting or the file that holds it cannot be used."""

from __future__ import annotations

from prefect.exceptions import PrefectException


class SettingsError(PrefectException, ValueError):
    """A setting has a value that it cannot have, or a settings file cannot be read.

    The message names the variable, the value (hidden when it is a secret), what is expected and where the value came
    from.
    """
