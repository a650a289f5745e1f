"""The one check whether a principal may do something."""

from __future__ import annotations

from prefect.server.principals import Permission, Principal
from prefect.server.services.core.errors import Forbidden


def check_permission(principal: Principal, required: Permission, action: str) -> None:
    """Raise `Forbidden` unless a principal has a permission.

    Args:
        principal: The caller.
        required: The permission that the action requires.
        action: What the caller attempts, for the message: a method and a path.
    """
    if required not in principal.permissions:
        raise Forbidden(f"{action} requires the permission {required.value!r}, which {principal.name!r} does not have.")
