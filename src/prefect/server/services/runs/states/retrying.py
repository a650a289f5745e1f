"""Retrying finished flow runs: which of their task runs run again, and from which one on.

A retry runs the flow again from its beginning. A call whose result was kept under a key that the call finds again does
not run its body. A retry from a chosen task run also repeats that one, and those that used its result: the engine asks
for the storage keys of their results, and computes these anew.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from functools import cached_property
from typing import Any
from uuid import UUID

from typing_extensions import TypedDict

from prefect import rules
from prefect.schemas.runs import RETRY_FROM
from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.services.core import reading
from prefect.server.services.core.errors import Conflict, InvalidRequest, ServiceError
from prefect.server.services.runs.reports.graphs import PARENTS_INPUT
from prefect.server.services.runs.states import run_states, transitions
from prefect.server.store import Row
from prefect.server.store.queries import runs as queries
from prefect.types import now

MAX_TASK_RUNS = 20_000
"""Maximum number of task runs that are read to predict what a retry repeats: the newest ones."""


class LostResults(TypedDict):
    """Completed task runs of one task that a retry repeats, because it does not find their results.

    Attributes:
        task: The name of the task.
        count: How many task runs of it.
        reason: `not kept`, `expired`, or `subflow`: a subflow whose result was not kept runs again as a whole.
    """

    task: str
    count: int
    reason: str


class RetryOutlook(TypedDict):
    """What a retry of a flow run repeats.

    Attributes:
        refusal: Why the flow run cannot be retried; None if it can.
        kept: How many results it finds again, so that their task runs are not repeated.
        lost: The completed task runs that it repeats because it does not find their results, by task.
        repeated: How many completed task runs it repeats because it is to begin with one of them.
        failed: How many task runs of the task that failed first have failed.
        failed_of: Of how many task runs of that task.
        is_partial: Whether the flow run has more task runs than were read.
    """

    refusal: str | None
    kept: int
    lost: list[LostResults]
    repeated: int
    failed: int
    failed_of: int
    is_partial: bool


async def find_outlook(tx: Transaction, id_: UUID, task_run_id: UUID | None) -> RetryOutlook:
    """Return what a retry of a flow run repeats, from one of its task runs on if one is chosen.

    Raises:
        NotFound: There is no such flow run or task run.
        InvalidRequest: The task run belongs to another flow run.
    """
    return await predict_retry(tx, await reading.get_row(tx, store.flow_runs, id_), task_run_id)


async def predict_retry(tx: Transaction, row: Row, task_run_id: UUID | None = None) -> RetryOutlook:
    """Return what a retry of the flow run of a row repeats; of one that cannot be retried, only the refusal is true."""
    refusal = _find_refusal(row)
    history = _TaskRunHistory([], None, None) if refusal else await _read_history(tx, row["id"], task_run_id)
    return history.predict(now(), refusal)


async def retry_flow_run(
    tx: Transaction, id_: UUID, task_run_id: UUID | None, force: bool = False, client_version: str | None = None
) -> RetryOutlook:
    """Schedule a finished flow run again, from one of its task runs on if one is chosen.

    Args:
        tx: The transaction.
        id_: The flow run.
        task_run_id: The task run that is repeated although its result was kept, as are those that used its result.
        force: Schedule it although no worker can run it, or its result was kept: the caller runs it itself.
        client_version: The version of the client, if the request names it.

    Returns:
        What is repeated.

    Raises:
        NotFound: There is no such flow run or task run.
        InvalidRequest: The task run belongs to another flow run.
        Conflict: The flow run has not ended, or nothing can run it.
    """
    row = await reading.get_row(tx, store.flow_runs, id_, lock=True)
    if refusal := _find_refusal(row, force):
        raise Conflict(refusal)
    history = await _read_history(tx, id_, task_run_id)
    chosen = history.chosen
    message = "Retried." if chosen is None else f"Retried from the task run {chosen['name']!r}."
    state = {"type": "SCHEDULED", "name": "AwaitingRetry", "message": message}
    answer = await transitions.set_flow_run_state(tx, id_, state, force=force, client_version=client_version)
    if answer["status"] != "ACCEPT":
        raise Conflict(answer["details"].get("reason") or f"Flow run {row['name']!r} cannot be retried.")
    if chosen is not None:
        since = datetime.isoformat(now())
        mark = {"task_run": str(chosen["id"]), "run_count": row["run_count"], "since": since}
        await store.flow_runs.change(tx, [{"id": id_, "context": {**row["context"], RETRY_FROM: mark}}], ["context"])
    return history.predict(now(), None)


def _find_refusal(row: Row, force: bool = False) -> str | None:
    """Return why a flow run cannot be retried."""
    if row["state_type"] not in rules.TERMINAL:
        return f"Flow run {row['name']!r} is {row['state_name']}. Only a finished flow run can be retried."
    if row["deployment_id"] is None and not force:
        return (
            f"Flow run {row['name']!r} has no deployment, so no worker can run it again. Where its program is: "
            f"`prefect flow-run retry {row['id']} --entrypoint path/to/file.py:flow`."
        )
    return None


async def find_refreshed_results(tx: Transaction, id_: UUID) -> list[str]:
    """Return the storage keys of the results that the present attempt of a flow run must compute anew.

    Those that it has computed already are left out: it may go on in another process, as after a suspension.
    """
    row = await reading.get_row(tx, store.flow_runs, id_)
    mark = row["context"].get(RETRY_FROM)
    if mark is None or row["state_type"] in rules.TERMINAL:
        return []
    try:
        history = await _read_history(tx, id_, UUID(mark["task_run"]), mark)
    except ServiceError:  # the task run has been deleted meanwhile
        return []
    return sorted(history.refreshed_keys)


async def _read_history(
    tx: Transaction, id_: UUID, task_run_id: UUID | None, mark: dict[str, Any] | None = None
) -> _TaskRunHistory:
    chosen = None if task_run_id is None else await _get_chosen(tx, task_run_id)
    if chosen is not None and chosen["flow_run_id"] != id_:
        raise InvalidRequest(f"The task run {chosen['name']!r} belongs to another flow run.")
    rows = await queries.find_retried_rows(tx, id_, MAX_TASK_RUNS, with_inputs=chosen is not None)
    return _TaskRunHistory(rows, chosen, mark)


async def _get_chosen(tx: Transaction, id_: UUID) -> Row:
    """Return a task run by its id, or by that of the subflow run that it stands for; raise `NotFound`."""
    child = await store.flow_runs.get(tx, id_)
    stands_for = child["parent_task_run_id"] if child else None
    return await reading.get_row(tx, store.task_runs, stands_for or id_)


class _TaskRunHistory:
    """The task runs of a flow run in all its attempts.

    Args:
        rows: Their rows, with `task_inputs` if one is chosen.
        chosen: The one that the flow run is retried from.
        mark: What the flow run's context says of that choice (`RETRY_FROM`); None before the retry.
    """

    def __init__(self, rows: list[Row], chosen: Row | None, mark: dict[str, Any] | None) -> None:
        self.chosen = chosen
        self._rows = rows
        self._mark = mark
        self._completed = [row for row in rows if row["state_type"] == "COMPLETED" and row["states"]]

    def predict(self, at: datetime, refusal: str | None) -> RetryOutlook:
        """Return what a retry repeats that begins at a time."""
        lost: dict[str, LostResults] = {}
        latest = _find_latest_attempts(self._completed)
        kept: set[str] = set()
        repeated = 0
        for row in self._completed:
            reason = _find_loss(row, at)
            if reason is None:
                kept.add(_get_storage_key(row))
            elif _get_attempt(row) < latest[row["task_key"]]:
                continue  # it has been repeated already
            elif row["id"] in self._repeated:
                repeated += 1
            else:
                task = lost.setdefault(row["task_key"], {"task": _name_task(row), "count": 0, "reason": reason})
                task["count"] += 1
        refreshed = kept & self.refreshed_keys
        failed = self._find_failed_task()
        return {
            "refusal": refusal,
            "kept": len(kept - refreshed),
            "lost": sorted(lost.values(), key=lambda task: task["task"]),
            "repeated": len(refreshed) + repeated,
            "failed": sum(row["state_type"] in ("FAILED", "CRASHED") for row in failed),
            "failed_of": len(failed),
            "is_partial": len(self._rows) == MAX_TASK_RUNS,
        }

    def _find_failed_task(self) -> list[Row]:
        """Return the task runs, in the attempt, of the task that failed first in the last attempt with a failure."""
        failed = [row for row in self._rows if row["state_type"] in ("FAILED", "CRASHED")]
        if not failed:
            return []
        attempt = max(map(_get_attempt, failed))
        first = min(
            (row for row in failed if _get_attempt(row) == attempt),
            key=lambda row: (row["end_time"] is None, row["end_time"], row["id"]),
        )
        return [row for row in self._rows if row["task_key"] == first["task_key"] and _get_attempt(row) == attempt]

    @cached_property
    def refreshed_keys(self) -> set[str]:
        """The storage keys of the results that are computed anew, without those that this has been done for."""
        keys = {_get_storage_key(row) for row in self._completed if row["id"] in self._repeated}
        new = {_get_storage_key(row) for row in self._completed if self._is_repeated_already(row)}
        return keys - new - {""}

    def _is_new(self, row: Row) -> bool:
        """Return whether a task run was begun after the choice."""
        return self._mark is not None and _get_attempt(row) > self._mark["run_count"]

    def _is_repeated_already(self, row: Row) -> bool:
        """Return whether a completed task run has computed its result after the choice."""
        if self._mark is None or row["state_name"] == "Cached":
            return False
        # The task run that stands for a subflow stands for it in all attempts.
        at = datetime.fromisoformat(self._mark["since"])
        return self._is_new(row) or (bool(_find_children(row)) and run_states.entered_at(row["states"][-1]) > at)

    @cached_property
    def _repeated(self) -> set[UUID]:
        """The ids of the chosen task run and of those that run again with it.

        These are all that used a repeated result, and those inside whose bodies a repeated one was called: it is not
        called again unless they run. A result that an attempt took over from an earlier one is one result.
        """
        if self.chosen is None:
            return set()
        old = [row for row in self._rows if not self._is_new(row)]
        by_id = {str(row["id"]): row for row in old}
        by_key: dict[str, list[Row]] = defaultdict(list)
        users: dict[str, list[Row]] = defaultdict(list)
        for row in old:
            if key := _get_storage_key(row):
                by_key[key].append(row)
            for id_ in _find_used(row):
                users[id_].append(row)
        repeated: set[UUID] = set()
        left = [self.chosen]
        while left:
            row = left.pop()
            if row["id"] in repeated:
                continue
            repeated.add(row["id"])
            left += [user for id_ in (str(row["id"]), *_find_children(row)) for user in users[id_]]
            left += [by_id[id_] for id_ in _find_enclosing(row) if id_ in by_id]
            if key := _get_storage_key(row):
                left += by_key[key]
        return repeated


def _find_latest_attempts(rows: Iterable[Row]) -> dict[str, int]:
    """Return the last attempt in which each task completed."""
    latest: dict[str, int] = {}
    for row in rows:
        latest[row["task_key"]] = max(latest.get(row["task_key"], 0), _get_attempt(row))
    return latest


def _get_attempt(row: Row) -> int:
    """Return in which attempt of its flow run a task run was begun."""
    return row["flow_run_run_count"] or 0


def _find_loss(row: Row, at: datetime) -> str | None:
    """Return why a retry does not find the result of a completed task run; None if it does, as far as is recorded."""
    state: dict[str, Any] = row["states"][-1]
    details = state.get("details", {})
    if not _get_storage_key(row) or details.get("refresh_cache"):
        return "subflow" if details.get("child_flow_run_id") else "not kept"
    expiration = state["data"].get("expiration")
    return "expired" if expiration is not None and datetime.fromisoformat(expiration) <= at else None


def _get_storage_key(row: Row) -> str:
    """Return where the result of a completed task run is kept; an empty text for one without such a result."""
    data = row["states"][-1].get("data") if row["states"] and row["state_type"] == "COMPLETED" else None
    return (data.get("storage_key") or "") if isinstance(data, dict) else ""


def _find_used(row: Row) -> list[str]:
    """Return the ids of the task runs whose results a task run used, or that it waited for."""
    return [str(each.get("id")) for name, used in row["task_inputs"].items() if name != PARENTS_INPUT for each in used]


def _find_children(row: Row) -> list[str]:
    """Return the ids of the flow runs that a task run stood for, whose results are recorded as theirs."""
    ids = [state.get("details", {}).get("child_flow_run_id") for state in row["states"]]
    return list({str(id_) for id_ in ids if id_})


def _find_enclosing(row: Row) -> list[str]:
    return [str(each.get("id")) for each in row["task_inputs"].get(PARENTS_INPUT, ())]


def _name_task(row: Row) -> str:
    """Return the name of the function of a task run, which its task key begins with."""
    return row["task_key"].rpartition("-")[0] or row["task_key"]
