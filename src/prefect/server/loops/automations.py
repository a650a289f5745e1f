"""Evaluates the triggers of automations on committed events, and executes the actions of those that fire."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, cast
from uuid import UUID

from prefect._lazy import lazy
from prefect.schemas.automations import MetricTrigger
from prefect.server.db.errors import StoreBusy, StoreError, StoreUnavailable
from prefect.server.db.interface import Transaction, UnitOfWork
from prefect.server.loops import Environment, Loop
from prefect.server.services.automations import evaluation, firings, jobs, known_triggers, metrics
from prefect.server.services.automations.action_context import ActionContext, ActionFailed
from prefect.server.services.automations.jobs import JobOutcome, StartedJob
from prefect.server.services.core.errors import ServiceError
from prefect.server.services.events import event_store
from prefect.types import new_id, now

if TYPE_CHECKING:
    import httpx

    from prefect.notifications import requests
    from prefect.settings import Settings
else:
    requests = lazy("prefect.notifications.requests")

logger = logging.getLogger("prefect.server.automations")

JOB_INTERVAL_SECONDS = 1.0
"""Between two polls for actions that are to be tried again."""

LEADING_SECONDS = 5.0
"""For how long after a round of actions this server counts as the leader that executes them."""

JOB_BATCH_SIZE = 10
"""Jobs that are started in one transaction, which takes some milliseconds: other writers wait for it."""

MAX_BRIEF_JOBS = 3
"""Jobs that are started with the evaluation that led to them, or started or ended in the event loop, at most."""

MAX_BRIEF_SECONDS = 0.01
"""Seconds that the last start of jobs may have taken for the next to run in the event loop: templates may be slow."""

CONCURRENT_ACTIONS = 200
"""Notifications and webhooks that a server sends at the same time."""

CONCURRENT_ACTIONS_PER_AUTOMATION = 20
"""Concurrent actions of one automation, so that an endpoint that hangs does not block other automations."""

ACTION_TIMEOUT_SECONDS = 45.0
"""How long sending may take, less than `jobs.CLAIM_DURATION`."""

CLOCK_TOLERANCE = timedelta(seconds=2)
"""By how much the clock may run fast or slow between two rounds without being taken for set anew."""

WINDOW_INTERVAL_SECONDS = 1.0
"""Between two polls for windows that are over, and for metrics."""

METRIC_SAMPLES = 60
"""How often a metric is evaluated within its range."""

MIN_METRIC_INTERVAL = timedelta(seconds=10)

CATCH_UP_SECONDS = 15.0
"""How long windows do not end after a server has started: events of the time before may arrive late."""


def loops(settings: Settings) -> list[Loop]:
    """Return the loop of the setting `server.services.triggers`, and the loop of actions."""
    enabled = settings.server.services.triggers.enabled
    executor = ActionExecutor()
    return [
        Loop(
            "Triggers",
            TriggerEvaluator(executor).run_once,
            settings.server.events.proactive_granularity.total_seconds(),
            enabled,
            topic=event_store.QUEUE_TOPIC,
            summary="Evaluates the triggers of automations on events, and on windows in which none came",
        ),
        Loop(
            "Actions",
            executor.run_once,
            JOB_INTERVAL_SECONDS,
            enabled,
            topic=firings.ACTION_JOBS_TOPIC,
            summary="Executes the actions of automations that fired",
            close=executor.close,
        ),
    ]


class TriggerEvaluator:
    """Evaluates triggers; the prepared ones are kept from round to round.

    Args:
        executor: Executes the actions of those that fire.
    """

    def __init__(self, executor: ActionExecutor) -> None:
        self._executor = executor
        self._known = known_triggers.NO_TRIGGERS
        self._clock = _Clock()
        self._metrics_due: dict[UUID, datetime] = {}
        self._next_window_check = 0.0

    async def run_once(self, environment: Environment) -> None:
        """Evaluate all events of the queue, then end the windows that are over."""
        while await self._attempt(environment, evaluation.evaluate_queued_events) >= evaluation.BATCH_SIZE:
            pass
        if time.monotonic() < self._next_window_check:
            return  # notifications start many rounds a second
        self._next_window_check = time.monotonic() + WINDOW_INTERVAL_SECONDS
        at = now()
        shift = self._clock.measure(at)
        if shift:
            await environment.database.write(lambda tx: evaluation.move_windows(tx, shift, at - shift))
        await self._watch_metrics(environment, at)
        if self._clock.has_caught_up:
            while await self._attempt(environment, lambda tx, known: evaluation.end_due_windows(tx, known, at)):
                pass

    async def _watch_metrics(self, environment: Environment, at: datetime) -> None:
        """Evaluate the metrics that are due, each automation in a transaction of its own."""
        for automation_id, tree in self._known.trees.items():
            due: list[UUID] = []
            for node in tree.metric_nodes:
                period = cast(MetricTrigger, node.trigger).metric.range / METRIC_SAMPLES
                if at >= self._metrics_due.get(node.id, at):
                    self._metrics_due[node.id] = at + max(period, MIN_METRIC_INTERVAL)
                    due.append(node.id)
            if due:
                await self._attempt(environment, _evaluate_metrics({automation_id: due}, at))

    async def _attempt(self, environment: Environment, evaluate: evaluation.Evaluate) -> int:
        """Evaluate a batch with the triggers as they are now.

        Not in the thread of the event loop: it would delay the response to the request that caused the event.
        """
        database = environment.database
        while True:
            known = self._known
            try:
                count, started = await database.write_in_background(
                    lambda tx, known=known: self._evaluate_and_start(tx, known, evaluate)
                )
            except evaluation.StaleTriggers:
                self._known = await database.write(lambda tx, known=known: known_triggers.read_triggers(tx, known))
                self._known.remember_wanted_events(database.memory)
            else:
                await self._executor.send(environment, started)
                return count

    async def _evaluate_and_start(
        self, tx: Transaction, known: known_triggers.KnownTriggers, evaluate: evaluation.Evaluate
    ) -> tuple[int, Sequence[StartedJob]]:
        """Evaluate a batch, and start the actions that it leads to; return how much was due, and what is to be sent."""
        found = await evaluate(tx, known)
        return found.count, await self._executor.start_new(tx, found.jobs) if found.jobs.rows else ()


def _evaluate_metrics(due: Mapping[UUID, list[UUID]], at: datetime) -> evaluation.Evaluate:
    async def evaluate(tx: Transaction, known: known_triggers.KnownTriggers) -> evaluation.Evaluation:
        return evaluation.Evaluation(len(due), await metrics.evaluate_metrics(tx, known, due, at))

    return evaluate


class _Clock:
    """Notices when the clock was set, and for how long this server has been evaluating."""

    def __init__(self) -> None:
        self._since: float | None = None
        self._last: tuple[datetime, float] | None = None

    def measure(self, at: datetime) -> timedelta:
        """Return by how much the clock was set forward since the last call; zero if it was not."""
        monotonic = time.monotonic()
        last, self._last = self._last, (at, monotonic)
        if last is None or self._since is None:
            self._since = monotonic
            return timedelta(0)
        shift = (at - last[0]) - timedelta(seconds=monotonic - last[1])
        return shift if abs(shift) > CLOCK_TOLERANCE else timedelta(0)

    @property
    def has_caught_up(self) -> bool:
        """Whether the server has run long enough to have received the events before its start."""
        return self._since is not None and time.monotonic() - self._since >= CATCH_UP_SECONDS


class ActionExecutor:
    """Executes actions: many on the store in one transaction, each notification or webhook in an asyncio task."""

    def __init__(self) -> None:
        self._owner = str(new_id())
        self._tasks: dict[UUID, asyncio.Task[None]] = {}
        self._counts: Counter[UUID] = Counter()
        self._has_released = False
        self._last_round = -math.inf
        self._is_saturated = False
        self._seconds_to_start = 0.0
        self._outcomes: list[tuple[JobOutcome, ActionContext | None]] = []
        self._writing = asyncio.Lock()
        self._client: httpx.AsyncClient | None = None

    async def run_once(self, environment: Environment) -> None:
        """Start all due jobs, and send at most `CONCURRENT_ACTIONS` actions at a time."""
        self._last_round = time.monotonic()
        if not self._has_released:
            await environment.database.write(lambda tx: jobs.release_jobs_of_other_servers(tx, self._owner))
            self._has_released = True
        brief = self._seconds_to_start < MAX_BRIEF_SECONDS
        while await self._start_batch(environment, brief):
            brief = False

    async def start_new(self, tx: Transaction, new: firings.NewJobs) -> Sequence[StartedJob]:
        """Start jobs in the transaction that adds them, if they are few and this server executes actions.

        Returns:
            The jobs whose actions are to be sent after the transaction. The next round starts those that are left.
        """
        result = None
        is_leading = time.monotonic() - self._last_round < LEADING_SECONDS
        if is_leading and len(new.rows) <= MAX_BRIEF_JOBS:
            try:
                async with tx.savepoint():
                    result = await jobs.start_new(tx, new, self._owner, self._get_capacity)
            except StoreError:
                raise
            except Exception:
                logger.debug("Actions are started one by one after an error", exc_info=True)
        if result is None or result.count < len(new.rows):
            tx.notify(firings.ACTION_JOBS_TOPIC)
        return result.started if result else ()

    async def send(self, environment: Environment, started: Sequence[StartedJob]) -> None:
        """Send the actions of jobs that were started."""
        for job in started:
            self._start_sending(environment, job)
            await asyncio.sleep(0)  # requests go between: to send takes a millisecond

    @property
    def tasks(self) -> list[asyncio.Task[None]]:
        """The asyncio tasks that send actions."""
        return list(self._tasks.values())

    async def close(self) -> None:
        """Cancel the actions that are being sent; the next leader sends them again."""
        tasks = self.tasks
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def _start_batch(self, environment: Environment, brief: bool) -> bool:
        """Start due jobs, and return whether there may be more that can be started.

        Args:
            environment: The environment.
            brief: Start only a few, in the event loop; more of them wake the writing thread.
        """
        # An automation with little capacity left would have its jobs started one by one.
        busy = [id_ for id_, count in self._counts.items() if count > CONCURRENT_ACTIONS_PER_AUTOMATION * 3 // 4]
        is_full = len(self._tasks) >= CONCURRENT_ACTIONS
        self._is_saturated = bool(busy) or is_full
        if is_full:
            return False
        limit = MAX_BRIEF_JOBS if brief else JOB_BATCH_SIZE
        since = time.monotonic()
        try:
            result = await self._start(
                environment, lambda tx: jobs.start_due(tx, limit, busy, self._owner, self._get_capacity), brief
            )
            found, count = result.found, result.count
        except (StoreBusy, StoreUnavailable):
            raise
        except Exception:
            found, count = await self._start_one_by_one(environment, limit, busy)
        self._seconds_to_start = time.monotonic() - since
        self._is_saturated |= count < found
        return count > 0 and (count < found or found == limit)

    def _get_capacity(self, automation_id: UUID) -> int:
        """Return how many more actions of an automation may be sent now."""
        free = CONCURRENT_ACTIONS - len(self._tasks)
        return min(free, CONCURRENT_ACTIONS_PER_AUTOMATION - self._counts[automation_id])

    async def _start(
        self, environment: Environment, work: UnitOfWork[jobs.StartResult], brief: bool = False
    ) -> jobs.StartResult:
        """Start jobs in a transaction, and send their actions."""
        # Without waiting for the disk: what a failure of the machine undoes is done again, with the same keys.
        result = await environment.database.write_in_background(work, brief)
        await self.send(environment, result.started)
        return result

    async def _start_one_by_one(self, environment: Environment, limit: int, busy: Sequence[UUID]) -> tuple[int, int]:
        """Start due jobs, after an error each by itself: the one that causes it fails.

        Returns:
            How many were found, and how many of them started.
        """
        ids = await environment.database.read(lambda tx: jobs.find_due(tx, limit, busy))
        count = 0
        for id_ in ids:
            try:
                result = await self._start(
                    environment, lambda tx, id_=id_: jobs.start(tx, [id_], self._owner, self._get_capacity)
                )
                count += result.count
            except (StoreBusy, StoreUnavailable):
                raise
            except Exception as error:
                outcome = JobOutcome(id_, failure=_describe_defect(id_, error))
                await self._end(environment, [(outcome, None)])
                count += 1
        return len(ids), count

    def _start_sending(self, environment: Environment, job: StartedJob) -> None:
        id_, automation_id = job.context.job_id, job.context.automation_id

        def end(_: asyncio.Task[None]) -> None:
            del self._tasks[id_]
            self._counts[automation_id] -= 1
            # Due jobs wait for capacity: they are read once half of the capacity of the automation is free.
            if self._is_saturated and self._counts[automation_id] <= CONCURRENT_ACTIONS_PER_AUTOMATION // 2:
                environment.bus.deliver([(firings.ACTION_JOBS_TOPIC, None)])
            if not self._counts[automation_id]:
                del self._counts[automation_id]

        self._counts[automation_id] += 1
        task = self._tasks[id_] = asyncio.create_task(self._send(environment, job))
        task.add_done_callback(end)

    async def _send(self, environment: Environment, job: StartedJob) -> None:
        id_ = job.context.job_id
        try:
            async with asyncio.timeout(ACTION_TIMEOUT_SECONDS):
                outcome = JobOutcome(id_, await job.send(self._get_client()))
        except TimeoutError:
            reason = f"There was no answer within {ACTION_TIMEOUT_SECONDS:g} seconds."
            outcome = JobOutcome(id_, failure=ActionFailed(reason, is_final=False))
        except ServiceError as error:
            outcome = JobOutcome(id_, failure=error)
        except Exception as error:
            outcome = JobOutcome(id_, failure=_describe_defect(id_, error))
        self._outcomes.append((outcome, job.context))
        async with self._writing:  # outcomes that arrive during a write are written together
            outcomes, self._outcomes = self._outcomes, []
            if outcomes:
                await self._end(environment, outcomes)

    async def _end(self, environment: Environment, outcomes: Sequence[tuple[JobOutcome, ActionContext | None]]) -> None:
        try:
            brief = len(outcomes) <= MAX_BRIEF_JOBS
            await environment.database.write_in_background(lambda tx: jobs.end(tx, outcomes), brief)
        except (StoreBusy, StoreUnavailable) as error:
            for outcome, _ in outcomes:
                logger.error("The action %s of an automation is tried again later. %s", outcome.job_id, error)
        except Exception as error:
            if len(outcomes) == 1:
                ((failed, _),) = outcomes
                failure = JobOutcome(failed.job_id, failure=_describe_defect(failed.job_id, error))
                await environment.database.write_in_background(lambda tx: jobs.end(tx, [(failure, None)]))
                return
            for each in outcomes:
                await self._end(environment, [each])

    def _get_client(self) -> httpx.AsyncClient:
        if self._client is None:
            self._client = requests.create_client()
        return self._client


def _describe_defect(id_: UUID, error: Exception) -> ActionFailed:
    """Log an error that is not an answer to an action, and return the failure of the action."""
    logger.error("The action %s of an automation failed", id_, exc_info=error)
    return ActionFailed(f"{type(error).__name__}: {error}")
