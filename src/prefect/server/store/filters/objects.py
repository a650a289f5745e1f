"""What the filters on blocks, variables and automations mean."""

from __future__ import annotations

from prefect.server.db.sql import Sql
from prefect.server.store.filters.core import Meaning, column, tags

LINKS = {
    ("block_type", "block_schema"): "block_type.id IN (SELECT block_schema.block_type_id FROM block_schema WHERE {})",
    ("block_document", "block_type"): "block_document.block_type_id IN (SELECT block_type.id FROM block_type WHERE {})",
    ("block_document", "block_schema"): "block_document.block_schema_id IN"
    " (SELECT block_schema.id FROM block_schema WHERE {})",
}

MEANINGS: dict[str, dict[str, Meaning]] = {
    "BlockTypeFilter": {name: column(f"block_type.{name}") for name in ("name", "slug")},
    "BlockSchemaFilter": {
        **{name: column(f"block_schema.{name}") for name in ("id", "block_type_id", "version")},
        "block_capabilities": tags("block_schema.capabilities"),
    },
    "BlockDocumentFilter": {
        **{name: column(f"block_document.{name}") for name in ("id", "block_type_id", "name")},
        "is_anonymous": column("block_document.is_anonymous", eq_=lambda _, name, value: Sql(f"{name} = ?", (value,))),
    },
    "VariableFilter": {
        **{name: column(f"variable.{name}") for name in ("id", "name")},
        "tags": tags("variable.tags"),
    },
    "AutomationFilter": {
        **{name: column(f"automation.{name}") for name in ("id", "name", "created")},
        "tags": tags("automation.tags"),
    },
}
