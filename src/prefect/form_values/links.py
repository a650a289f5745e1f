"""Filters of templates that link to the web page: `ui_url`, `ui_resource_events_url` and `flow_run_id`.

The address of the page is a variable of the template's context, which its author does not see.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

from jinja2 import pass_context

BASE_URL = "__ui_url__"
"""The variable with the address of the web page."""

_ID = "prefect.resource.id"
_RESOURCE_ID = re.compile(r"prefect\.([a-z-]+)\.([^.]+)")
_UUID = r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}"

_PATHS = {
    "automation": "automations/automation/{}",
    "block-document": "blocks/block/{}",
    "concurrency-limit": "concurrency-limits/concurrency-limit/{}",
    "deployment": "deployments/deployment/{}",
    "flow": "flows/flow/{}",
    "flow-run": "runs/flow-run/{}",
    "task-run": "runs/task-run/{}",
    "work-queue": "work-queues/work-queue/{}",
}
"""Where the page of an object is, by the kind of object; filled with its id."""


class TemplateObject(dict[str, Any]):
    """An object in a template: its fields, and which kind of object it is.

    Args:
        kind: The kind, as in the ids of resources.
        fields: The fields.
    """

    def __init__(self, kind: str, fields: Mapping[str, Any]) -> None:
        super().__init__(fields)
        self.kind = kind


@pass_context
def ui_url(context: Any, obj: Any) -> str | None:
    """Return the address of an object's page: of a resource, an event or an object of the template; else None."""
    path = _find_path(obj)
    return None if path is None else _join(context, path)


@pass_context
def ui_resource_events_url(context: Any, obj: Any) -> str | None:
    """Return the address of the page with the events of a resource or an object; None for anything else."""
    if isinstance(obj, TemplateObject):
        resource_id: Any = f"prefect.{obj.kind}.{obj.get('id')}"
    else:
        resource_id = obj.get(_ID) if isinstance(obj, Mapping) else None
    return _join(context, f"events?resource={quote(resource_id)}") if isinstance(resource_id, str) else None


def flow_run_id(text: Any) -> str | None:
    """Return the id of a flow run in a text with a link to it, for instance; None if there is none."""
    found = re.search(rf"flow-run[/.]({_UUID})", str(text)) or re.search(rf"\b({_UUID})\b", str(text))
    return found and found[1]


FILTERS: Mapping[str, Callable[..., Any]] = {
    "ui_url": ui_url,
    "ui_resource_events_url": ui_resource_events_url,
    "flow_run_id": flow_run_id,
}


def _join(context: Any, path: str) -> str | None:
    base = context.get(BASE_URL)
    return f"{str(base).rstrip('/')}/{path}" if base else None


def _find_path(obj: Any) -> str | None:
    if isinstance(obj, TemplateObject):
        if obj.kind == "work-pool":
            return f"work-pools/work-pool/{quote(str(obj.get('name')))}"
        return _fill_path(obj.kind, obj.get("id"))
    if not isinstance(obj, Mapping):
        return None
    if isinstance(occurred := obj.get("occurred"), datetime):  # an event
        return f"events/event/{occurred:%Y-%m-%d}/{obj.get('id')}"
    found = _RESOURCE_ID.fullmatch(str(obj.get(_ID)))
    if found is None:
        return None
    if found[1] == "work-pool" and obj.get("prefect.resource.name"):
        return f"work-pools/work-pool/{quote(obj['prefect.resource.name'])}"
    return _fill_path(found[1], found[2])


def _fill_path(kind: str, id_: Any) -> str | None:
    return _PATHS[kind].format(id_) if kind in _PATHS and id_ else None
