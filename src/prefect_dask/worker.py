"""The parts that run on the cluster: task runs on the workers, and a plugin of the scheduler."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from dask.sizeof import sizeof
from distributed import get_worker
from distributed.diagnostics.plugin import SchedulerPlugin

from prefect.states import State
from prefect.task_runners import handover
from prefect.task_runners.clusters import MAX_INLINE_BYTES

FLUSH_TIMEOUT_SECONDS = 10.0
"""How long a worker forwards records to a server when the flow run ends."""
ANNOTATION = "prefect"
"""The annotation of Dask tasks that are task runs."""

_cancelled: set[str] = set()
"""The topics of the flow runs that start no more task runs."""


def run_on_worker(common: bytes, run: bytes, topic: str, *values: Any) -> State[Any] | None:
    """Execute a task run on a worker, announce its end under a topic, and return its final state.

    Returns:
        The state; None if no more runs of the flow run are to start.
    """
    if topic in _cancelled:
        return None
    run_end = handover.execute(common, run, values)
    get_worker().log_event(topic, run_end.run_id.bytes + run_end.pack(MAX_INLINE_BYTES))
    return run_end.state


def call_task(common: bytes, run: bytes, topic: str, *values: Any) -> Any:
    """Execute a task run on a worker, announce its end under a topic, and return what the task returns.

    Raises:
        BaseException: What the task raised.
    """
    run_end = handover.execute(common, run, values)
    get_worker().log_event(topic, run_end.run_id.bytes + run_end.pack(0))
    return run_end.state.result()


def unpack_run_end(run_end: bytes) -> tuple[UUID, bytes]:
    """Return the id of the run that has ended, and its packed end."""
    return UUID(bytes=run_end[:16]), run_end[16:]


def start_no_more(topic: str) -> None:
    """Start no more task runs of a flow run on this worker."""
    _cancelled.add(topic)


def finish(topic: str) -> None:
    """Write and forward what this worker has recorded; the flow run has ended."""
    _cancelled.discard(topic)
    handover.flush(FLUSH_TIMEOUT_SECONDS)


@sizeof.register(State)
def _sizeof_state(state: State[Any]) -> int:
    """Return the size of a state with its value, by which Dask decides where to run and when to spill."""
    return 512 + sizeof(getattr(state.data, "value", state.data))


def list_unsent(keys: list[str], dask_scheduler: Any) -> list[str]:
    """Return the keys that the scheduler has sent to no worker. Runs on the scheduler."""
    states = {key: dask_scheduler.tasks[key].state for key in keys if key in dask_scheduler.tasks}
    return [key for key, state in states.items() if state in ("released", "waiting", "queued", "no-worker")]


class RunOnce(SchedulerPlugin):
    """Keeps the scheduler from computing a task run again: whether it may run twice is for the task to say.

    Dask computes a task again when its worker dies, and when the worker that holds its result does.
    """

    name = "prefect-run-once"
    idempotent = True

    def __init__(self) -> None:
        self._scheduler: Any = None

    async def start(self, scheduler: Any) -> None:
        """Keep the scheduler."""
        self._scheduler = scheduler

    def update_graph(self, scheduler: Any, *, keys: Any = (), tasks: Any = (), **_: Any) -> None:
        """Allow no death of a worker for new task runs."""
        for key in {*keys, *tasks}:
            task = scheduler.tasks.get(key)
            if task is not None and ANNOTATION in (task.annotations or ()):
                task.suspicious = scheduler.allowed_failures

    def transition(self, key: Any, start: str, finish: str, *_: Any, **__: Any) -> None:
        """Forget how the result of a task run came about, so that it is not computed again when it is lost."""
        if start == "processing" and finish == "memory":
            task = self._scheduler.tasks.get(key)
            if task is not None and ANNOTATION in (task.annotations or ()):
                task.run_spec = None
