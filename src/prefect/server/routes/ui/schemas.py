"""Validation of the forms of the web page."""

from __future__ import annotations

from typing import Annotated, Any

from prefect.schemas.wire import SchemaValuesValidationResponse
from prefect.server.db.interface import Transaction
from prefect.server.routes.core.operation import Body, In, Routes
from prefect.server.services.core import form_errors

routes = Routes(("UI", "Schemas"), "/ui/schemas")


@routes.reads("POST", "/validate", SchemaValuesValidationResponse)
async def validate_obj(
    tx: Transaction, json_schema: Annotated[dict[str, Any], In("body", "schema")], values: Body[dict[str, Any]]
) -> Any:
    """Validate values against a JSON schema; status 422 when the schema is not valid."""
    return await form_errors.find_form_errors(tx, json_schema, values)
