"""Whether anything sets a setting, found without building the group that the setting belongs to.

A run reads few groups of settings. To look at an unset password of the server would import the server's settings.
"""

from __future__ import annotations

from typing import Any

from prefect.settings.sources import MISSING


def value_if_given(current: Any, accessor: str, *aliases: str) -> Any:
    """The value of the setting at `accessor` when some source or program code sets it, else None.

    Args:
        current: The settings.
        accessor: Where the setting is, such as `api.key`.
        *aliases: Its older environment names.
    """
    if not is_given(current, accessor, *aliases):
        return None
    value = current
    for part in accessor.split("."):
        value = getattr(value, part)
    return value


def is_given(current: Any, accessor: str, *aliases: str) -> bool:
    """Whether some source or program code sets the setting at `accessor`."""
    plan = current.plan
    *path, key = accessor.split(".")
    if plan.defaults or not plan.snapshot.layers:  # values from elsewhere: a copy, or defaults of a caller's
        return True
    if accessor in plan.given:
        return True
    names = (f"PREFECT_{accessor.replace('.', '_').upper()}", *aliases)
    return accessor not in plan.restored and plan.snapshot.find(names, path, key)[0] is not MISSING
