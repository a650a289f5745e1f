"""URLs of runs, deployments and other objects in the web page and in the API."""

from __future__ import annotations

import re
from string import Formatter
from typing import TYPE_CHECKING, Any, Literal

from prefect._lazy import lazy

if TYPE_CHECKING:
    from uuid import UUID

    from prefect import settings
else:
    settings = lazy("prefect.settings")

URLType = Literal["ui", "api"]
RUN_TYPES = {"flow-run", "task-run"}

UI_URL_FORMATS = {
    "flow": "flows/flow/{obj_id}",
    "flow-run": "runs/flow-run/{obj_id}",
    "flow-run-response": "runs/flow-run/{obj_id}",
    "task-run": "runs/task-run/{obj_id}",
    "block": "blocks/block/{obj_id}",
    "block-document": "blocks/block/{obj_id}",
    "work-pool": "work-pools/work-pool/{obj_id}",
    "work-queue": "work-queues/work-queue/{obj_id}",
    "concurrency-limit": "concurrency-limits/concurrency-limit/{obj_id}",
    "deployment": "deployments/deployment/{obj_id}",
    "automation": "automations/automation/{obj_id}",
    "received-event": "events/event/{occurred}/{obj_id}",
    "worker": "work-pools/work-pool/{work_pool_name}/worker/{obj_id}",
}
API_URL_FORMATS = {
    "flow": "flows/{obj_id}",
    "flow-run": "flow_runs/{obj_id}",
    "task-run": "task_runs/{obj_id}",
    "variable": "variables/name/{obj_id}",
    "block": "blocks/{obj_id}",
    "work-pool": "work_pools/{obj_id}",
    "work-queue": "work_queues/{obj_id}",
    "concurrency-limit": "concurrency_limits/{obj_id}",
    "deployment": "deployments/{obj_id}",
    "automation": "automations/{obj_id}",
}

_KINDS_ADDRESSED_BY_NAME = {"work-pool", "variable"}


def convert_class_to_name(obj: Any) -> str:
    """Return the name of an object's class in URLs: `FlowRun` is `flow-run`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", type(obj).__name__).lower()


def url_for(
    obj: Any,
    obj_id: str | UUID | None = None,
    url_type: URLType = "ui",
    default_base_url: str | None = None,
    **additional_format_kwargs: Any,
) -> str | None:
    """Return the URL of an object in the web page or in the API.

    Args:
        obj: The object, or its kind, such as `"flow-run"`.
        obj_id: Its id, required if `obj` is a kind.
        url_type: `"ui"` for the web page, or `"api"`.
        default_base_url: The base URL if no setting has one.
        **additional_format_kwargs: More parts of the URL, such as `work_pool_name` for a worker.

    Returns:
        The URL; None if there is no server, or no page of such objects.

    Raises:
        ValueError: A part of the URL is missing, or `url_type` is neither.
    """
    if url_type not in ("ui", "api"):
        raise ValueError(f"Invalid URL type: {url_type}. Use 'ui' or 'api'.")
    if isinstance(obj, str) and not obj_id:
        raise ValueError(f"The id of the {obj} is missing: pass `obj_id`.")
    current = settings.get_current_settings()
    base = (current.ui_url if url_type == "ui" else current.api.url) or default_base_url
    kind, found_id = (obj, obj_id) if isinstance(obj, str) else _identify(obj)
    form = (UI_URL_FORMATS if url_type == "ui" else API_URL_FORMATS).get(kind)
    if base is None or form is None or not (obj_id or found_id):
        return None
    parts: dict[str, Any] = {**_extract_url_parts(obj), **additional_format_kwargs, "obj_id": obj_id or found_id}
    missing = [name for _, name, _, _ in Formatter().parse(form) if name and name not in parts]
    if missing:
        raise ValueError(f"The URL of a {kind} cannot be made without: {', '.join(missing)}.")
    return f"{base.rstrip('/')}/{form.format(**parts)}"


def _identify(obj: Any) -> tuple[str, Any]:
    """Return the kind of an object, and its id or name in URLs."""
    task_run_id = getattr(obj, "task_run_id", None)
    if task_run_id is not None and hasattr(obj, "wait") and hasattr(obj, "result"):
        return "task-run", task_run_id  # a future
    if hasattr(type(obj), "_block_document_id") or hasattr(obj, "_block_document_id"):
        return "block", getattr(obj, "_block_document_id", None)
    resource = getattr(obj, "id", None)
    if type(obj).__name__ == "Resource" and isinstance(resource, str):
        # Such as `prefect.flow-run.<id>`.
        kind, _, identity = resource.removeprefix("prefect.").rpartition(".")
        return kind, identity
    kind = convert_class_to_name(obj)
    return kind, getattr(obj, "name" if kind in _KINDS_ADDRESSED_BY_NAME else "id", None)


def _extract_url_parts(obj: Any) -> dict[str, Any]:
    occurred = getattr(obj, "occurred", None)
    return {} if isinstance(obj, str) or occurred is None else {"occurred": occurred.strftime("%Y-%m-%d")}
