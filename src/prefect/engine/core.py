"""Code that runs of tasks and of flows share: the steps that a shell calls, states and their records, hooks."""

from __future__ import annotations

import abc
import weakref
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from prefect import _io, rules
from prefect.journal import Draft
from prefect.results.defaults import should_ship_inline
from prefect.results.inline import inline
from prefect.rules import StateSummary
from prefect.schemas.states import InMemory, State, StateDetails, StateType
from prefect.types import new_id, now

if TYPE_CHECKING:
    from datetime import datetime
    from typing import Self
    from uuid import UUID

    from prefect.engine.protocols import Runnable
    from prefect.journal.writer import Journal

__all__ = ["RunEngine", "Outcome", "NextStep"]


class Outcome(NamedTuple):
    """The outcome of a call of user code: a value or an exception."""

    value: Any = None
    error: BaseException | None = None


class NextStep(NamedTuple):
    """The next step of the shell.

    Attributes:
        is_finished: Whether the run has its final state; otherwise the body is called, or the run is tried again.
        delay_seconds: How long to wait before the next attempt.
    """

    is_finished: bool
    delay_seconds: float = 0.0


RUN_BODY = NextStep(is_finished=False)
FINISHED = NextStep(is_finished=True)


class RunEngine(abc.ABC):
    """One run of a task or a flow, from its creation to its final state.

    A shell calls `prepare_attempt`, then the body, then `finish_attempt`, until the run is finished; `unwrap` returns
    the value to the caller.

    Attributes:
        fields: The run's columns, kept up to date. Once `run` has been made, they are its `__dict__`.
        record: The run's record in the journal.
        value: The body's return value.
        error: The exception to raise in the caller.
        is_closing: Whether the consumer of a generator has closed it, so that the run is not tried again.
    """

    kind: ClassVar[str]
    fields: dict[str, Any]
    _details: StateDetails
    _current: State[Any] | dict[str, Any]
    value: Any = None
    error: BaseException | None = None
    is_closing: bool = False
    _is_resuming: bool = False
    journal: Journal
    record: RunRecord

    def __init__(self, runnable: Runnable, parameters: dict[str, Any]) -> None:
        self._runnable = runnable
        self.parameters = parameters
        self._previous: StateSummary | None = None

    # --- called by the shells -----------------------------------------------------------------------------------------

    @abc.abstractmethod
    async def prepare_attempt(self) -> NextStep:
        """Prepare an attempt. If the returned step is finished, the body is not called."""

    @abc.abstractmethod
    async def finish_attempt(self, outcome: Outcome) -> NextStep:
        """Enter the state that follows from an attempt."""

    async def finish_closed_generator(self, outcome: Outcome) -> None:
        """End the run of a generator that its consumer has closed; it is not tried again.

        Raises:
            BaseException: The error that the generator ended with.
        """
        self.is_closing = True
        await self.finish_attempt(outcome)
        if outcome.error is not None:
            raise outcome.error

    @abc.abstractmethod
    async def crash(self, error: BaseException) -> None:
        """Record an interrupted run as crashed, unless it has ended. The caller raises the interruption again."""

    @abc.abstractmethod
    async def unwrap(self) -> Any:
        """Return the run's value, or raise its exception."""

    @abc.abstractmethod
    def __enter__(self) -> Self:
        """Make the run the current one while user code runs."""

    @abc.abstractmethod
    def __exit__(self, *error: Any) -> None: ...

    def body_arguments(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return the positional and keyword arguments of the body."""
        return self._runnable.spec.unbind(self.parameters)

    @abc.abstractmethod
    def timeout_error(self) -> BaseException:
        """Return the error for an attempt that took longer than `timeout_seconds`."""

    @property
    def fn(self) -> Any:
        """The function that is run."""
        return self._runnable.fn

    @property
    def timeout_seconds(self) -> float | None:
        """The time limit of one attempt."""
        return self._runnable.timeout_seconds

    @property
    @abc.abstractmethod
    def is_outermost(self) -> bool:
        """Whether this run is not inside another run."""

    @property
    @abc.abstractmethod
    def run(self) -> Any:
        """The run as a schema object."""

    # --- shared by both kinds of run ----------------------------------------------------------------------------------

    @property
    def state(self) -> State[Any]:
        """The current state. One that `enter` recorded is made at each access, which most runs do not need."""
        current = self._current
        if isinstance(current, State):
            return current
        kind = StateType(current["type"])
        return State.make(kind, current["name"], None, None, self._details, current["timestamp"], current["id"])

    def enter(self, kind: StateType, name: str, timestamp: datetime) -> None:
        """Enter a state that has neither message nor data, and record it. Hot path: no `State` is made."""
        entry = {"id": new_id(), "type": kind._value_, "name": name, "timestamp": timestamp}
        self._current = entry
        self._change_columns(entry, None)
        self.record.add_state(entry)

    def enter_state(self, state: State[Any], result: dict[str, Any] | None = None) -> State[Any]:
        """Make `state` the run's state and record it; `result` is an inline result to record with it."""
        own = state.__dict__
        entry: dict[str, Any] = {
            "id": own["id"],
            "type": own["type"]._value_,
            "name": own["name"],
            "timestamp": own["timestamp"],
        }
        details = own["state_details"]
        scheduled_time = None
        if details is not self._details:
            entry["details"] = {name: value for name, value in details.__dict__.items() if value}
            scheduled_time = details.scheduled_time
        if own["message"]:
            entry["message"] = own["message"]
        if own["data"] is not None and type(own["data"]) is not InMemory:
            entry["data"] = result_metadata(own["data"])
        if result is not None:
            entry["result"] = result
        self._current = state
        self._change_columns(entry, scheduled_time)
        self.record.add_state(entry)
        return state

    def _change_columns(self, entry: dict[str, Any], scheduled_time: datetime | None) -> None:
        """Change the columns that follow from entering a state."""
        summary = StateSummary(entry["type"], entry["name"], entry["timestamp"], scheduled_time)
        fields = self.fields
        fields.update(rules.advance(fields, self._previous, summary, self._is_resuming))
        state = self.state
        fields["state_type"], fields["state"], fields["state_id"] = state.type, state, state.id
        self._previous = summary

    def inline_result(self, state: State[Any], value: Any) -> dict[str, Any] | None:
        """Return the value to record with the run's last state; None for a persisted result, which is not kept twice.

        In the journal of the home it lets the run be resumed. To a server it goes only if the settings say so.
        """
        data = state.data
        if data is not None and type(data) is not InMemory:
            return None
        if self.journal.forwarder is None:
            return inline(value)
        return inline(value, allow_pickle=False) if should_ship_inline() else None

    def rename(self, name: str) -> None:
        """Change the recorded name of the run."""
        self.fields["name"] = name
        self.record.update({"name": name})

    async def call_hooks(self, hooks: Iterable[Callable[..., Any]], owner: Any, logger: Any) -> None:
        """Call the hooks for the current state in order; log one that raises."""
        if self.journal.is_disowned:
            return  # in a forked child: the run is its parent's, which calls them
        for hook in hooks:
            name = getattr(hook, "__name__", None) or repr(hook)
            logger.info("Running hook %r in response to entering state %r", name, self.state.name)
            try:
                await _io.call_user(hook, owner, self.run, self.state)
            except Exception:
                logger.error("An error was encountered while running hook %r", name, exc_info=True)
            else:
                logger.info("Hook %r finished running successfully", name)


class RunRecord:
    """Appends the records of one run to the journal: its creation, states and changed columns.

    Args:
        journal: The journal.
        kind: `flow_run` or `task_run`.
        run_id: The run's id.
        created: The columns of a new run; None for a run that has been recorded before.
        owner: The process that the run belongs to, if it is another one.
        not_before: The time of the run's last state, if another process has recorded it: its clock may be ahead.
    """

    __slots__ = ("_draft", "_journal", "_kind", "_owner", "_run_id", "_shift", "appended")

    def __init__(
        self,
        journal: Journal,
        kind: str,
        run_id: UUID,
        created: dict[str, Any] | None,
        owner: UUID | None = None,
        not_before: datetime | None = None,
    ) -> None:
        self._journal = journal
        self._kind = kind
        self._run_id = run_id
        self._owner = owner
        self._shift = max(not_before - now(), timedelta(0)) if not_before is not None else None
        self._draft: Draft | None = None
        self.appended: list[dict[str, Any]] = []
        """The states of a run that has been recorded before, for the process that it came from."""
        if created is not None:
            self._draft = Draft({"kind": kind, **created, "owner": journal.owner, "states": []})
            journal.append(self._draft)

    @property
    def is_unwritten(self) -> bool:
        """Whether nothing of the run has left this process."""
        return self._draft is not None and not self._draft.sealed

    def add_state(self, state: dict[str, Any]) -> None:
        """Record that the run enters a state."""
        draft = self._draft
        if draft is not None:
            draft.record["states"].append(state)
            if not draft.sealed:
                return
            self._draft = None
        if self._shift is not None:
            state["timestamp"] += self._shift
            self.appended.append(state)
        owner = self._owner or self._journal.owner
        self._journal.append({"kind": "state", "of": self._kind, "run_id": self._run_id, "owner": owner, **state})

    def update(self, values: dict[str, Any]) -> None:
        """Record changed columns."""
        owner = self._owner or self._journal.owner
        self._journal.append({"kind": "update", "of": self._kind, "id": self._run_id, "owner": owner, "set": values})


_recorded_flows: weakref.WeakKeyDictionary[Journal, set[str]] = weakref.WeakKeyDictionary()
"""The names of the flows that this process has recorded, by journal."""


def record_flow(journal: Journal, flow_id: UUID, name: str) -> None:
    """Record a flow, once for each journal."""
    recorded = _recorded_flows.setdefault(journal, set())
    if name not in recorded:
        recorded.add(name)
        journal.append({"kind": "flow", "id": flow_id, "name": name, "tags": [], "created": now()})


def result_metadata(data: Any) -> Any:
    """Return the metadata of a stored result as JSON; None for data that is only in memory, as an exception is."""
    metadata = getattr(data, "metadata", data)
    dump = getattr(metadata, "model_dump", None)
    return dump(mode="json") if dump is not None else None


def seconds_until(state: State[Any], at: datetime | None = None) -> float:
    """Return the seconds from `at` (None: now) until the time for which a state is scheduled; 0 without such a time."""
    scheduled_time = state.state_details.scheduled_time
    return max(0.0, (scheduled_time - (at or now())).total_seconds()) if scheduled_time is not None else 0.0
