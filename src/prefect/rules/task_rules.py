"""The rules for task runs, one function each, under the names that they have in the interface."""

from __future__ import annotations

import math
from dataclasses import replace

from prefect.rules.columns import retry_delay
from prefect.rules.decision import Case
from prefect.rules.effects import Effect, Enqueue, ReleaseSlots, SetOnRun, StoreCacheKey, TakeSlots
from prefect.rules.facts import RuleState
from prefect.rules.shared import awaiting_retry
from prefect.rules.verdicts import Abort, Verdict, Wait


def cache_retrieval(case: Case) -> Verdict | None:
    """Complete a task run with the state that is cached under its key."""
    details, cached = case.proposed.details, case.facts.cached
    if cached is None or not details.get("cache_key") or details.get("refresh_cache"):
        return None
    return case.reject("The result was cached.", replace(cached, name="Cached", timestamp=case.facts.now))


def handle_task_terminal_state_transitions(case: Case) -> Verdict | None:
    """Protect a finished run with a result from interruption; let another run again, with its attempts reset."""
    current, proposed, run = case.current, case.proposed, case.run
    if current is None:
        return None
    if proposed.type in ("CANCELLING", "PAUSED", "CRASHED"):
        return Abort(f"The run has ended as {current.type} already.")
    if current.type == "COMPLETED" and current.is_persisted:
        return case.reject("The run has completed already, with a result.")
    if proposed.is_terminal:
        return None
    reset = SetOnRun({"run_count": 0})
    flow_attempt = run.columns.get("flow_run_run_count") or 0
    if proposed.type == "RUNNING" and case.facts.flow_run_run_count > flow_attempt:
        return case.accept(replace(proposed, name="Retrying"), reset)
    return case.accept(None, reset)


def prevent_running_tasks_from_stopped_flows(case: Case) -> Verdict | None:
    """Abort RUNNING for a task whose flow run is not running; hold it while the flow run is paused."""
    if case.run.flow_run_id is None:
        return None
    if case.facts.flow_run_state == "RUNNING":
        return None
    if case.facts.flow_run_state != "PAUSED":
        return Abort("A task can only run while its flow is running.")
    state = RuleState("PAUSED", "NotReady", case.facts.now)
    return case.reject("The flow is paused: the task can run once the flow continues.", state)


def secure_task_concurrency_slots(case: Case) -> Verdict | None:
    """Take a slot of every limit on the run's tags, or make it wait."""
    limits = [limit for limit in case.facts.tag_limits if not limit.held]
    for limit in limits:
        if limit.limit == 0:
            return Abort(f"The concurrency limit {limit.name!r} is 0: no task run with this tag can start.")
    for limit in limits:
        if limit.free <= 0:
            return Wait(math.ceil(case.facts.tag_wait), f"All slots of the concurrency limit {limit.name!r} are taken.")
    return case.accept(None, TakeSlots(tuple(limit.name for limit in limits))) if limits else None


def retry_failed_tasks(case: Case) -> Verdict | None:
    """Schedule the next attempt of a failed task run, unless its failure is marked as not retriable."""
    run = case.run
    if case.proposed.details.get("retriable") is False:
        return None
    delay = retry_delay(max(run.run_count, 1), run.retries, run.policy.get("retry_delay"))
    if delay is None:
        return None
    delay = _add_jitter(delay, run.policy.get("retry_jitter_factor"), case.facts.random_fraction)
    return case.reject("The run is tried again.", awaiting_retry(case, delay))


def rename_reruns(case: Case) -> Verdict | None:
    """Name the running state of a later attempt Retrying or Rerunning."""
    if case.run.run_count == 0 or _attempts_were_reset(case):
        return None
    retries = case.current is not None and case.current.name == "AwaitingRetry"
    return case.accept(replace(case.proposed, name="Retrying" if retries else "Rerunning"))


def update_flow_run_tracker_on_tasks(case: Case) -> Verdict | None:
    """Record on the task run the attempt of its flow run."""
    if case.run.flow_run_id is None:
        return None
    return case.accept(None, SetOnRun({"flow_run_run_count": case.facts.flow_run_run_count}))


def cache_insertion(case: Case) -> Verdict | None:
    """Store a completed state under its cache key, unless the key is too long."""
    key = case.proposed.details.get("cache_key")
    if not key:
        return None
    max_length = case.facts.max_cache_key_length
    if len(key) > max_length:
        reason = f"The cache key is longer than {max_length} characters, so the result is not cached."
        return case.reject(reason, case.proposed)
    return case.accept(None, StoreCacheKey(key, case.proposed.details.get("cache_expiration")))


def release_task_concurrency_slots(case: Case) -> tuple[Effect, ...]:
    """Release the slots of a task run that does not run."""
    return () if case.proposed.type in ("RUNNING", "CANCELLING") else (ReleaseSlots(),)


def enqueue_scheduled_tasks(case: Case) -> Verdict | None:
    """Enqueue a background task run, on the queue for retries if it is one."""
    if not case.proposed.details.get("deferred"):
        return None
    return case.accept(None, Enqueue(retry=case.proposed.name == "AwaitingRetry"))


def _attempts_were_reset(case: Case) -> bool:
    """Return whether `handle_task_terminal_state_transitions` has reset the attempts."""
    return case.current is not None and case.current.is_terminal


def _add_jitter(delay: float, factor: float | None, chance: float) -> float:
    """Return a delay near `delay`: exponentially distributed, and cut off so that the median stays.

    Args:
        delay: The mean, in seconds.
        factor: How far above the mean it may be: 0.3 is 30 percent. None or 0 does not change it.
        chance: Where in the range it falls, from 0 to less than 1.
    """
    if not delay or not factor or factor < 0:
        return delay
    most = 1 + factor
    least = math.log2(2**most / (2**most - 1)) if most < 50 else 0.0
    lower, upper = 1 - math.exp(-least), 1 - math.exp(-most)
    return -math.log(max(1 - (lower + (upper - lower) * chance), 1e-10)) * delay
