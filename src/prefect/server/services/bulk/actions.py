"""The actions of bulk jobs on one flow run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias

from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.services.core.errors import InvalidRequest, NotFound, ServiceError
from prefect.server.services.pages.core.run_rows import FINISHED
from prefect.server.services.runs.lifecycle import deletion, updates
from prefect.server.services.runs.states import transitions
from prefect.server.store import Row
from prefect.types import now

Action: TypeAlias = Literal["cancel", "retry", "delete", "set-state", "add-tags", "remove-tags"]

OPPOSITES: Mapping[Action, Action] = {"add-tags": "remove-tags", "remove-tags": "add-tags"}
"""The actions that can be undone, each with what undoes it."""

STATES = ("SCHEDULED", "PENDING", "RUNNING", "COMPLETED", "FAILED", "CANCELLED", "CANCELLING", "CRASHED", "PAUSED")


class Outcome(NamedTuple):
    """The outcome of an action on a flow run.

    Attributes:
        done: Whether the action was done.
        reason: Why it was not done.
        tags: The tags that were added to the run, or removed from it.
    """

    done: bool
    reason: str | None = None
    tags: Sequence[str] = ()


def check_options(action: Action, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of an action, and nothing else.

    Raises:
        InvalidRequest: It lacks one, or has a wrong one.
    """
    if action == "set-state":
        if options.get("state") not in STATES:
            raise InvalidRequest(f"The action 'set-state' needs the option 'state', one of {', '.join(STATES)}.")
        return {"state": options["state"], "message": str(options.get("message") or "") or None}
    if action in ("add-tags", "remove-tags"):
        tags = options.get("tags")
        if not isinstance(tags, list) or not tags or not all(isinstance(tag, str) and tag for tag in tags):
            raise InvalidRequest(f"The action {action!r} needs the option 'tags', a list of texts.")
        return {"tags": list(dict.fromkeys(tags))}
    return {}


async def act(tx: Transaction, action: Action, options: Mapping[str, Any], row: Row) -> Outcome:
    """Act on a flow run."""
    try:
        return await _act(tx, action, options, row)
    except NotFound:
        return Outcome(done=False, reason="It is not there any more.")
    except ServiceError as error:
        return Outcome(done=False, reason=str(error))


async def _act(tx: Transaction, action: Action, options: Mapping[str, Any], row: Row) -> Outcome:
    ended = row["state_type"] in FINISHED
    match action:
        case "delete":
            await deletion.remove_flow_run(tx, row["id"])
            return Outcome(done=True)
        case "set-state":
            state = {"type": options["state"], "message": options["message"]}
            return await _propose(tx, row, state, force=True)
        case "add-tags" | "remove-tags":
            return await _change_tags(tx, row, options["tags"], add=action == "add-tags")
        case "cancel" if ended:
            return Outcome(done=False, reason=f"It has ended: {row['state_name']}.")
        case "cancel":
            type_ = "CANCELLED" if row["state_type"] == "SCHEDULED" else "CANCELLING"
            return await _propose(tx, row, {"type": type_, "message": "Cancelled together with others."})
        case _ if not ended:
            return Outcome(done=False, reason=f"It has not ended: {row['state_name']}.")
        case _ if row["deployment_id"] is None:
            return Outcome(done=False, reason="It has no deployment, so nothing can run it again.")
        case _:
            details = {"scheduled_time": now()}
            return await _propose(tx, row, {"type": "SCHEDULED", "name": "AwaitingRetry", "state_details": details})


async def _propose(tx: Transaction, row: Row, state: dict[str, Any], force: bool = False) -> Outcome:
    answer = await transitions.set_flow_run_state(tx, row["id"], state, force=force)
    return Outcome(answer["status"] == "ACCEPT", answer["details"].get("reason"))


async def _change_tags(tx: Transaction, row: Row, tags: list[str], *, add: bool) -> Outcome:
    stored = await store.flow_runs.get(tx, row["id"], lock=True)
    if stored is None:
        raise NotFound("flow run", row["id"])
    before = stored["tags"]
    after = list(dict.fromkeys([*before, *tags])) if add else [tag for tag in before if tag not in tags]
    if after == before:
        return Outcome(done=False, reason="It has them already." if add else "It has none of them.")
    await updates.change_run(tx, store.flow_runs, row["id"], {"tags": after})
    return Outcome(done=True, tags=[tag for tag in tags if (tag in before) is not add])
