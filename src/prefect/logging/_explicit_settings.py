"""Find out whether a setting is set, without building the settings group that it belongs to.

A run reads few groups of settings. To look at an unset password of the server would import the server's settings.
"""

from __future__ import annotations

from typing import Any

from prefect.settings.sources import MISSING


def explicit_value(current: Any, accessor: str, *aliases: str) -> Any:
    """Return the value of a setting that some source or program code sets, else None.

    Args:
        current: The settings.
        accessor: Where the setting is, such as `api.key`.
        *aliases: Its older environment names.
    """
    if not is_explicit(current, accessor, *aliases):
        return None
    value = current
    for part in accessor.split("."):
        value = getattr(value, part)
    return value


def is_explicit(current: Any, accessor: str, *aliases: str) -> bool:
    """Return whether some source or program code sets a setting."""
    plan = current.plan
    *path, key = accessor.split(".")
    if plan.defaults or not plan.snapshot.layers:  # values from elsewhere: a copy, or defaults of a caller's
        return True
    if accessor in plan.explicit:
        return True
    names = (f"PREFECT_{accessor.replace('.', '_').upper()}", *aliases)
    return accessor not in plan.restored and plan.snapshot.find(names, path, key)[0] is not MISSING
