"""Filters on artifacts, blocks, variables and automations as SQL."""

from __future__ import annotations

from prefect.server.db.sql import Sql, all_of, none_of
from prefect.server.store.filters.core import FieldCompiler, column, tags

LINKS = {
    ("artifact", "flow"): "artifact.flow_run_id IN (SELECT flow_run.id FROM flow_run JOIN flow"
    " ON flow.id = flow_run.flow_id WHERE {})",
    ("artifact", "flow_run"): "artifact.flow_run_id IN (SELECT flow_run.id FROM flow_run WHERE {})",
    ("artifact", "task_run"): "artifact.task_run_id IN (SELECT task_run.id FROM task_run WHERE {})",
    ("artifact", "deployment"): "artifact.flow_run_id IN (SELECT flow_run.id FROM flow_run JOIN deployment"
    " ON deployment.id = flow_run.deployment_id WHERE {})",
    ("block_type", "block_schema"): "block_type.id IN (SELECT block_schema.block_type_id FROM block_schema WHERE {})",
    ("block_document", "block_type"): "block_document.block_type_id IN (SELECT block_type.id FROM block_type WHERE {})",
    ("block_document", "block_schema"): "block_document.block_schema_id IN"
    " (SELECT block_schema.id FROM block_schema WHERE {})",
}

# The pattern of a key is used as it is: its author writes the wildcards.
_KEY = column("artifact.key", like_=lambda dialect, name, value: dialect.like(name, value))

# An artifact without a type is of no type that is not among some.
_TYPE = column(
    "artifact.type", not_any_=lambda _, name, value: all_of([Sql(f"{name} IS NOT NULL"), none_of(name, value)])
)

COMPILERS: dict[str, dict[str, FieldCompiler]] = {
    "ArtifactFilter": {
        **{name: column(f"artifact.{name}") for name in ("id", "flow_run_id", "task_run_id")},
        "key": _KEY,
        "type": _TYPE,
    },
    "ArtifactCollectionFilter": {
        **{name: column(f"artifact.{name}") for name in ("flow_run_id", "task_run_id")},
        "latest_id": column("artifact.id"),
        "key": _KEY,
        "type": _TYPE,
    },
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
