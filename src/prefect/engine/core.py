"""What the runs of tasks and of flows share: entering states, recording them, calling hooks, telling the shell."""

from __future__ import annotations

import abc
import sys
import weakref
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from prefect import _io, rules
from prefect.exceptions import Abort, Pause, TerminationSignal
from prefect.journal import Draft
from prefect.results.defaults import should_ship_inline
from prefect.results.inline import inline
from prefect.rules import Moment
from prefect.schemas.states import InMemory, State, StateDetails
from prefect.types import now

if TYPE_CHECKING:
    from datetime import datetime
    from typing import Self
    from uuid import UUID

    from prefect.journal.writer import Journal

__all__ = ["RunEngine", "Outcome", "NextStep"]


class Outcome(NamedTuple):
    """What a call of user code came to: a value, or the exception it ended with."""

    value: Any = None
    error: BaseException | None = None


class NextStep(NamedTuple):
    """What the shell is to do next.

    Attributes:
        done: The run has its last state; otherwise it is tried again.
        delay: Seconds to wait before that.
    """

    is_finished: bool
    delay_seconds: float = 0.0


RUN_BODY = NextStep(is_finished=False)
FINISHED = NextStep(is_finished=True)


class RunEngine(abc.ABC):
    """One run of a task or a flow, from its creation to its final state.

    A shell calls `before`, then the body, then `after`, until a verdict says done; `conclude` gives what the caller
    gets. Subclasses say what a task run or a flow run does at each of these points.

    Attributes:
        fields: The run's columns, kept up to date; once `run` has been made, its very values.
        record: What the journal is told of it.
        state: Its present state.
        value: What the body returned, once it has.
        error: The exception that the caller gets, if any.
    """

    kind: ClassVar[str]
    fields: dict[str, Any]
    state: State[Any]
    _details: StateDetails
    value: Any = None
    error: BaseException | None = None
    is_closing: bool = False
    _is_resuming: bool = False
    journal: Journal
    record: RunRecord

    def __init__(self) -> None:
        self._previous: Moment | None = None

    # --- what the shells ask ------------------------------------------------------------------------------------------

    @abc.abstractmethod
    async def prepare_attempt(self) -> NextStep:
        """What comes before an attempt. A verdict that is done means that the body is not to be called."""

    @abc.abstractmethod
    async def finish_attempt(self, outcome: Outcome) -> NextStep:
        """What follows from an attempt."""

    async def finish_closed_generator(self, outcome: Outcome) -> None:
        """What follows when the consumer of a generator wants no more: the run ends, and is not tried again.

        Raises:
            BaseException: The error that the generator ended with.
        """
        self.is_closing = True
        await self.finish_attempt(outcome)
        if outcome.error is not None:
            raise outcome.error

    @abc.abstractmethod
    async def crash(self, error: BaseException) -> None:
        """The run was interrupted: record it as crashed, unless it has ended. The caller raises the interruption on."""

    @abc.abstractmethod
    async def unwrap(self) -> Any:
        """What the caller gets: a value, or an exception raised."""

    @abc.abstractmethod
    def __enter__(self) -> Self:
        """Make the run the current one, around its body."""

    @abc.abstractmethod
    def __exit__(self, *error: Any) -> None: ...

    @abc.abstractmethod
    def body_arguments(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The body's arguments."""

    @abc.abstractmethod
    def timeout_error(self) -> BaseException:
        """The error of an attempt that took longer than `time_limit`."""

    @property
    @abc.abstractmethod
    def fn(self) -> Any:
        """The body."""

    @property
    @abc.abstractmethod
    def timeout_seconds(self) -> float | None:
        """Seconds that one attempt may take."""

    @property
    @abc.abstractmethod
    def is_outermost(self) -> bool:
        """Whether this run is inside no other."""

    @property
    @abc.abstractmethod
    def run(self) -> Any:
        """The run as the API shows it."""

    # --- what both kinds of run do ------------------------------------------------------------------------------------

    def enter_state(self, state: State[Any], result: dict[str, Any] | None = None) -> State[Any]:
        """Make `state` the run's state: bookkeeping and record. `result` is the inline result recorded with it."""
        own = state.__dict__
        details = own["state_details"]
        plain = details is self._details
        moment = Moment(own["type"]._value_, own["name"], own["timestamp"], None if plain else details.scheduled_time)
        fields = self.fields
        fields.update(rules.advance(fields, self._previous, moment, self._is_resuming))
        fields["state_type"] = own["type"]
        fields["state"] = state
        fields["state_id"] = own["id"]
        self._previous = moment
        self.state = state
        entry: dict[str, Any] = {
            "id": own["id"],
            "type": moment.type,
            "name": moment.name,
            "timestamp": moment.timestamp,
        }
        if own["message"]:
            entry["message"] = own["message"]
        if not plain:
            entry["details"] = {name: value for name, value in details.__dict__.items() if value}
        if own["data"] is not None and type(own["data"]) is not InMemory:
            entry["data"] = result_metadata(own["data"])
        if result is not None:
            entry["result"] = result
        self.record.add_state(entry)
        return state

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
        """Give the run another name than it was recorded with."""
        self.fields["name"] = name
        self.record.update({"name": name})

    async def call_hooks(self, hooks: Iterable[Callable[..., Any]], owner: Any, logger: Any) -> None:
        """Call the hooks for the present state one after the other; one that raises is logged and fails nothing."""
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
    """What the journal is told of one run: its creation, its states, its changes.

    Args:
        to: The journal.
        of: The kind of run.
        run_id: Its id.
        created: The record of its creation; None for a run that another process has recorded.
    """

    __slots__ = ("_draft", "_of", "_run_id", "_to")

    def __init__(self, to: Journal, of: str, run_id: UUID, created: dict[str, Any] | None) -> None:
        self._to = to
        self._of = of
        self._run_id = run_id
        self._draft: Draft | None = None
        if created is not None:
            self._draft = Draft({"kind": of, **created, "owner": to.owner, "states": []})
            to.append(self._draft)

    def add_state(self, state: dict[str, Any]) -> None:
        """The run enters a state."""
        draft = self._draft
        if draft is not None:
            draft.record["states"].append(state)
            if not draft.sealed:
                return
            self._draft = None
        to = self._to
        to.append({"kind": "state", "of": self._of, "run_id": self._run_id, "owner": to.owner, **state})

    def update(self, values: dict[str, Any]) -> None:
        """Some of the run's columns change."""
        to = self._to
        to.append({"kind": "update", "of": self._of, "id": self._run_id, "owner": to.owner, "set": values})


_recorded_flows: weakref.WeakKeyDictionary[Journal, set[str]] = weakref.WeakKeyDictionary()
"""The names of the flows that each journal has been told of."""


def record_flow(to: Journal, flow_id: UUID, name: str) -> None:
    """Tell a journal of a flow, once for each journal that this process writes."""
    recorded = _recorded_flows.setdefault(to, set())
    if name not in recorded:
        recorded.add(name)
        to.append({"kind": "flow", "id": flow_id, "name": name, "tags": [], "created": now()})


def result_metadata(data: Any) -> Any:
    """Where a stored result is, as JSON; None for data that lives only in this process (an exception)."""
    metadata = getattr(data, "metadata", data)
    dump = getattr(metadata, "model_dump", None)
    return dump(mode="json") if dump is not None else None


def describe_error(error: BaseException) -> str:
    """The exception's type and text. Its text is made by code of the user's, which may raise."""
    try:
        text = str(error)
    except Exception:
        text = "<its text cannot be shown>"
    return f"{type(error).__name__}: {text}"


def is_crash(error: BaseException) -> bool:
    """Whether an exception ends the process or the event loop's task rather than telling of a failure."""
    if isinstance(error, (Abort, Pause)):
        return False
    return not isinstance(error, Exception) or isinstance(error, TerminationSignal)


def crash_message(error: BaseException) -> str:
    """What a crashed state says of the exception that ended the run."""
    cancelled = sys.modules.get("asyncio.exceptions")
    if cancelled is not None and isinstance(error, cancelled.CancelledError):
        return "Execution was cancelled by the runtime environment."
    if isinstance(error, KeyboardInterrupt):
        return "Execution was aborted by an interrupt signal."
    if isinstance(error, TerminationSignal):
        return "Execution was aborted by a termination signal."
    if isinstance(error, SystemExit):
        return "Execution was aborted by Python system exit call."
    return f"Execution was interrupted by an unexpected exception: {describe_error(error)}"


def seconds_until(state: State[Any], at: datetime | None = None) -> float:
    """Return the seconds from `at` (None: now) until the time for which a state is scheduled; 0 without such a time."""
    scheduled_time = state.state_details.scheduled_time
    return max(0.0, (scheduled_time - (at or now())).total_seconds()) if scheduled_time is not None else 0.0
