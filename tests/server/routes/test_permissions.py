"""The permission that each operation requires, in a table, so that a change of one is seen."""

from __future__ import annotations

from pathlib import Path

import pytest

from prefect.server.principals import ALL_PERMISSIONS, LOCAL, Permission, Principal
from prefect.server.routes import find_operation, list_operations
from prefect.server.services.core.errors import Forbidden

TABLE = Path(__file__).parent / "permissions.txt"


def test_operations_require_the_permissions_of_the_table() -> None:
    expected = [tuple(line.split()) for line in TABLE.read_text().splitlines()]
    declared = [(operation.requires.value, operation.method, operation.route) for operation in list_operations()]
    assert sorted(declared) == sorted(expected)


def test_operation_that_changes_something_requires_more_than_read() -> None:
    lax = [item.route for item in list_operations() if item.writes and item.requires is Permission.READ]
    assert lax == ["/csrf-token"]


@pytest.mark.parametrize("missing", Permission)
def test_authorize_raises_only_without_the_permission(missing: Permission) -> None:
    principal = Principal("ann", "user", ALL_PERMISSIONS - {missing})
    for operation in list_operations():
        operation.authorize(LOCAL)
        if operation.requires is not missing:
            operation.authorize(principal)
            continue
        with pytest.raises(Forbidden) as error:
            operation.authorize(principal)
        route = f"{operation.method} {operation.route}"
        assert str(error.value) == f"{route} requires the permission '{missing}', which 'ann' does not have."


def test_find_operation_knows_every_operation() -> None:
    for operation in list_operations():
        assert find_operation(operation.method, operation.route) is operation
