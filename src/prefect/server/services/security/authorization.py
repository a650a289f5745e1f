"""Permissions and transactions of principals: the one check, and the one way to act for a caller."""

from __future__ import annotations

from typing import TypeVar

from prefect.server.db.interface import Transaction, UnitOfWork
from prefect.server.principals import LOCAL, Permission, Principal
from prefect.server.services.core.errors import Forbidden

T = TypeVar("T")


def check_permission(principal: Principal, required: Permission, action: str) -> None:
    """Raise `Forbidden` unless a principal has a permission.

    Args:
        principal: The caller.
        required: The permission that the action requires.
        action: What the caller attempts, for the message: a method and a path.
    """
    if required not in principal.permissions:
        raise Forbidden(f"{action} requires the permission {required.value!r}, which {principal.name!r} does not have.")


def act_for(principal: Principal, work: UnitOfWork[T]) -> UnitOfWork[T]:
    """Return a unit of work whose transaction has a principal while it lasts."""

    async def work_for_principal(tx: Transaction) -> T:
        tx.principal = principal
        try:
            return await work(tx)
        finally:
            tx.principal = LOCAL  # a connection that stays open serves others next

    return work_for_principal
