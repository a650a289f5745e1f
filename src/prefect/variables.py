"""Variables: JSON values with a name, kept for all programs that use the same home directory or server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from prefect._io import class_twin
from prefect._lazy import lazy
from prefect.exceptions import ObjectAlreadyExists
from prefect.schemas.actions import VariableCreate, VariableUpdate
from prefect.types.names import MAX_VARIABLE_NAME_LENGTH
from prefect.values import templates

if TYPE_CHECKING:
    from prefect.client import orchestration
    from prefect.client.orchestration import PrefectClient
else:
    orchestration = lazy("prefect.client.orchestration")

__all__ = ["Variable", "resolve_variables"]

T = TypeVar("T")
JsonValue = str | int | bool | float | dict[str, Any] | list[Any] | None


class Variable(BaseModel, Generic[T]):
    """A JSON value with a name.

    Attributes:
        name: Lower-case letters, digits, dashes and underscores.
        value: The value.
        tags: Tags to find it by.
    """

    model_config = ConfigDict(ignored_types=(class_twin,))

    name: str = Field(max_length=MAX_VARIABLE_NAME_LENGTH)
    value: JsonValue
    tags: list[str] | None = None

    @classmethod
    async def aset(cls, name: str, value: JsonValue, tags: list[str] | None = None, overwrite: bool = False) -> Self:
        """Create a variable and return it.

        Args:
            name: Its name.
            value: Its value.
            tags: Its tags.
            overwrite: Whether to replace the value and the tags of an existing variable of this name.

        Raises:
            ValueError: There is one of this name and `overwrite` is False; or the name or the value is not valid.
        """
        new = VariableCreate(name=name, value=value, tags=tags or [])
        async with orchestration.get_client() as client:
            try:
                await client.create_variable(new)
            except ObjectAlreadyExists:
                if not overwrite:
                    raise ValueError(
                        f"There is a variable {name!r} already: pass `overwrite=True` to replace its value."
                    ) from None
                await client.update_variable(VariableUpdate(name=name, value=value, tags=tags or []))
        return cls(name=name, value=value, tags=tags or [])

    set = class_twin(aset)

    @classmethod
    async def aget(cls, name: str, default: JsonValue = None) -> JsonValue:
        """Return the value of a variable, or `default` if there is none of this name."""
        async with orchestration.get_client() as client:
            variable = await client.read_variable_by_name(name)
        return variable.value if variable is not None else default

    get = class_twin(aget)

    @classmethod
    async def aunset(cls, name: str) -> bool:
        """Delete a variable, and return whether there was one of this name."""
        async with orchestration.get_client() as client:
            if await client.read_variable_by_name(name) is None:
                return False
            await client.delete_variable_by_name(name)
        return True

    unset = class_twin(aunset)


async def resolve_variables(template: Any, client: PrefectClient | None = None) -> Any:
    """Fill the placeholders of variables, `{{ prefect.variables.<name> }}`; a variable that does not exist is empty.

    Args:
        template: The template: texts, also in dicts and lists.
        client: The client to read the variables with.
    """
    if client is None:
        async with orchestration.get_client() as own:
            return await resolve_variables(template, own)
    filled: dict[str, Any] = {}
    for placeholder in templates.find_placeholders(template):
        if placeholder.type is templates.PlaceholderType.VARIABLE:
            name = placeholder.name.removeprefix(templates.VARIABLE_PLACEHOLDER_PREFIX)
            variable = await client.read_variable_by_name(name)
            filled[placeholder.full_match] = "" if variable is None else variable.value
    return templates.replace_placeholders(template, filled)
