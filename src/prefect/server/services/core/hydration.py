"""Hydrate parameters with the variables of the store; see `prefect.form_values.hydration`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from prefect.form_values import hydration
from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.services.core.errors import ServiceError

KIND = hydration.KIND


class HydrationError(ServiceError):
    """A value cannot be hydrated; the message names its kind and the reason."""


async def hydrate(tx: Transaction, values: Mapping[str, Any], context: Mapping[str, Any] | None = None) -> Any:
    """Return hydrated values.

    Args:
        tx: The transaction.
        values: Parameters by name.
        context: The variables of templates.

    Raises:
        HydrationError: One of them cannot be hydrated.
    """
    names = sorted(set(_variable_names(values)))
    rows = await store.variables.find(tx, {"name": names}) if names else []
    known = hydration.HydrationContext(
        workspace_variables={row["name"]: row["value"] for row in rows},
        render_workspace_variables=True,
        raise_on_error=True,
        render_jinja=True,
        jinja_context=dict(context or {}),
    )
    try:
        return hydration.hydrate(values, known)
    except hydration.HydrationError as error:
        raise HydrationError(error.message) from None


def _variable_names(value: Any) -> Iterator[str]:
    """Iterate over the names of the variables that values refer to."""
    if isinstance(value, Mapping):
        if value.get(KIND) == "workspace_variable" and isinstance(value.get("variable_name"), str):
            yield value["variable_name"]
        for item in value.values():
            yield from _variable_names(item)
    elif isinstance(value, list):
        for item in value:
            yield from _variable_names(item)
