"""Variables."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from prefect.schemas.sorting import VariableSort
from prefect.schemas.wire import Variable, VariableCreate, VariableFilter, VariableUpdate
from prefect.server.db.interface import Transaction
from prefect.server.routes.core.operation import Body, Routes, Rows
from prefect.server.services.catalog import variables as service

routes = Routes("Variables", "/variables")


@routes.writes("POST", "/", Variable, 201)
async def create_variable(tx: Transaction, variable: VariableCreate) -> Any:
    """Create a variable."""
    return await service.add(tx, variable.model_dump())


routes.reads_by_key("/{id:uuid}", Variable, "read_variable", service.get, "Return a variable.")
routes.reads_by_key(
    "/name/{name:str}", Variable, "read_variable_by_name", service.get, "Return a variable by its name."
)


@routes.reads("POST", "/filter", list[Variable])
async def read_variables(
    tx: Transaction,
    rows: Rows,
    variables: Body[VariableFilter | None] = None,
    sort: Body[VariableSort] = VariableSort.NAME_ASC,
) -> Any:
    """Return the variables that match a filter."""
    return await service.find(tx, variables, sort, *rows)


@routes.reads("POST", "/count", int)
async def count_variables(tx: Transaction, variables: Body[VariableFilter | None] = None) -> Any:
    """Count the variables that match a filter."""
    return await service.count(tx, variables)


@routes.writes("PATCH", "/{id:uuid}")
async def update_variable(tx: Transaction, variable: VariableUpdate, id: UUID) -> None:
    """Update the fields of a variable that are sent."""
    await service.change(tx, id, variable.model_dump(exclude_unset=True))


@routes.writes("PATCH", "/name/{name:str}")
async def update_variable_by_name(tx: Transaction, variable: VariableUpdate, name: str) -> None:
    """Update the fields of a variable, by name, that are sent."""
    await service.change(tx, name, variable.model_dump(exclude_unset=True))


routes.deletes_by_key("/{id:uuid}", "delete_variable", service.remove, "Delete a variable.")
routes.deletes_by_key("/name/{name:str}", "delete_variable_by_name", service.remove, "Delete a variable by its name.")
