"""Variables, as the client reads and changes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect._lazy import lazy
from prefect.client.orchestration import base
from prefect.exceptions import ObjectNotFound

if TYPE_CHECKING:
    from prefect.schemas import records
    from prefect.schemas.actions import VariableCreate, VariableUpdate
else:
    records = lazy("prefect.schemas.records")


class VariableAsyncClient(base.BaseAsyncClient):
    """Operations on variables."""

    async def create_variable(self, variable: VariableCreate) -> records.Variable:
        """Create a variable.

        Raises:
            ObjectAlreadyExists: There is one of this name.
        """
        return records.Variable.model_validate(await self._call("POST", "/variables/", variable))

    async def update_variable(self, variable: VariableUpdate) -> None:
        """Change what is set of the variable of this name.

        Raises:
            ObjectNotFound: There is none.
        """
        await self._call("PATCH", "/variables/name/{name}", variable, name=variable.name)

    async def read_variable_by_name(self, name: str) -> records.Variable | None:
        """Return the variable of this name, or None."""
        try:
            answer = await self._call("GET", "/variables/name/{name}", name=name)
        except ObjectNotFound:
            return None
        return records.Variable.model_validate(answer)

    async def delete_variable_by_name(self, name: str) -> None:
        """Delete the variable of this name.

        Raises:
            ObjectNotFound: There is none.
        """
        await self._call("DELETE", "/variables/name/{name}", name=name)

    async def read_variables(self, limit: int | None = None) -> list[records.Variable]:
        """Return all variables by name, at most `limit`; 200 if None."""
        return base.parse_many(
            records.Variable, await self._call("POST", "/variables/filter", base.drop_none(limit=limit))
        )


class VariableClient(base.BaseClient):
    """`VariableAsyncClient` for sync code."""

    create_variable = base.sync_method(VariableAsyncClient.create_variable)
    delete_variable_by_name = base.sync_method(VariableAsyncClient.delete_variable_by_name)
    read_variable_by_name = base.sync_method(VariableAsyncClient.read_variable_by_name)
    read_variables = base.sync_method(VariableAsyncClient.read_variables)
    update_variable = base.sync_method(VariableAsyncClient.update_variable)
