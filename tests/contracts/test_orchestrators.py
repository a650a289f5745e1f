"""One suite for every orchestrator: rules in this process, this package's server, and the original server.

The flow runs here belong to the engine, which proposes states as in a real run. The tests of the client set states
through the API, which uses no server in the local case.
"""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import product
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from prefect import _io, flow, journal, rules, task
from prefect._io import drive
from prefect.client.orchestration import get_client
from prefect.engine.flows.flow_run import FlowRunEngine
from prefect.engine.orchestration import local
from prefect.exceptions import Abort
from prefect.flow_engine import run_flow
from prefect.runtime import flow_run as runtime
from prefect.schemas.states import Paused, State, StateType
from prefect.server.db.sqlite import database
from prefect.types import new_id, now
from tests.recorded import states as recorded_states
from tools import original, serving

pytestmark = pytest.mark.timeout(180)

DELAY_SECONDS = 60


@pytest.fixture(scope="module")
def our_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving.server(tmp_path_factory.mktemp("ours")) as served:
        yield served.url


@pytest.fixture(scope="module")
def original_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if not original.is_available():
        pytest.skip("needs the original: `make compat` installs it")
    with original.server(tmp_path_factory.mktemp("original")) as (url, _):
        yield url


ORCHESTRATORS = ["local", "server", pytest.param("original", marks=pytest.mark.served)]


@pytest.fixture(params=ORCHESTRATORS)
def orchestrator(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Select the orchestrator by setting the API URL."""
    if request.param != "local":
        url = request.getfixturevalue("our_server" if request.param == "server" else "original_server")
        monkeypatch.setenv("PREFECT_API_URL", url)
    yield request.param
    journal.close()


class WaitRequested(Exception):
    """Raised in place of a wait."""


class ProposingRun:
    """A flow run whose states are proposed one by one.

    Args:
        retries: Number of retries of a failed run.
        retry_delay: Seconds before each retry.
    """

    def __init__(self, retries: int = 0, retry_delay: int = 0) -> None:
        @flow(retries=retries, retry_delay_seconds=retry_delay)
        def main() -> None: ...

        self.engine = FlowRunEngine(main, {})
        drive(self.engine.prepare_attempt())
        self.answers: list[str] = [self.name]

    @property
    def name(self) -> str:
        assert self.engine.state.name is not None
        return self.engine.state.name

    def propose(self, type_: str, force: bool = False) -> State[Any]:
        """Propose a state and record the answer."""
        try:
            drive(self.engine.propose_state(State.make(StateType(type_)), final=force))
            self.answers.append(self.name)
        except Abort:
            self.answers.append("ABORT")
        except WaitRequested:
            self.answers.append("WAIT")
        return self.engine.state

    def set_state_as_client(self, state: State[Any], force: bool = False) -> None:
        """Set a state through the client, outside of the engine."""
        with get_client(sync_client=True) as client:
            client.set_flow_run_state(self.engine.run_id, state, force)

    def resume(self) -> None:
        with get_client(sync_client=True) as client:
            client.resume_flow_run(self.engine.run_id)

    def end(self) -> list[str]:
        """Return the names of the recorded states."""
        self.engine._orchestrator.release_run()
        with get_client(sync_client=True) as client:
            return [state.name or "" for state in client.read_flow_run_states(self.engine.run_id)]


@pytest.fixture
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Make waits raise `WaitRequested`, and return their seconds."""
    waits: list[float] = []

    async def wait(seconds: float) -> None:
        waits.append(seconds)
        raise WaitRequested

    monkeypatch.setattr(_io, "sleep", wait)
    return waits


def state(type_: str, name: str | None = None) -> State[Any]:
    return State.make(StateType(type_), name)


# --- states of flow runs ----------------------------------------------------------------------------------------------


def test_first_run_completes(orchestrator: str):
    @flow
    def main() -> int:
        return 1

    ended: Any = main(return_state=True)

    with get_client(sync_client=True) as client:
        states = client.read_flow_run_states(ended.state_details.flow_run_id)
    assert [each.name for each in states] == ["Pending", "Running", "Completed"]


def test_failed_run_is_tried_again(orchestrator: str):
    attempts: list[int] = []

    @flow(retries=1)
    def main() -> int:
        attempts.append(1)
        if len(attempts) == 1:
            raise ValueError("no")
        return 1

    ended: Any = main(return_state=True)

    with get_client(sync_client=True) as client:
        run = client.read_flow_run(ended.state_details.flow_run_id)
        states = client.read_flow_run_states(run.id)
    assert [each.name for each in states] == ["Pending", "Running", "AwaitingRetry", "Running", "Completed"]
    assert run.run_count == 2


def test_existing_run_uses_retries_of_its_flow(orchestrator: str):
    attempts: list[int] = []

    @flow(retries=1)
    def main() -> int:
        attempts.append(1)
        if len(attempts) == 1:
            raise ValueError("no")
        return 1

    with get_client(sync_client=True) as client:
        run = client.create_flow_run(main.with_options(retries=0))
        assert run_flow(main, flow_run=run) == 1
        states = client.read_flow_run_states(run.id)
    assert [each.name for each in states] == ["Pending", "Running", "AwaitingRetry", "Running", "Completed"]


def test_retry_waits_for_its_delay(orchestrator: str, no_waiting: list[float]):
    run = ProposingRun(retries=1, retry_delay=DELAY_SECONDS)
    waiting = run.propose("FAILED")
    assert waiting.state_details.scheduled_time is not None
    delay = waiting.state_details.scheduled_time - waiting.timestamp
    assert abs(delay.total_seconds() - DELAY_SECONDS) < 1
    run.propose("RUNNING")
    assert run.answers == ["Running", "AwaitingRetry", "WAIT"]
    assert DELAY_SECONDS - 10 < no_waiting[0] <= DELAY_SECONDS
    assert run.end() == ["Pending", "Running", "AwaitingRetry"]


def test_failure_is_final_when_retries_are_exhausted(orchestrator: str):
    run = ProposingRun(retries=1)
    for type_ in ("FAILED", "RUNNING", "FAILED"):
        run.propose(type_)
    assert run.answers == ["Running", "AwaitingRetry", "Running", "Failed"]
    assert run.end() == ["Pending", *run.answers]


def test_forced_failure_is_not_retried(orchestrator: str):
    run = ProposingRun(retries=1)
    run.propose("FAILED", force=True)
    assert run.end() == ["Pending", "Running", "Failed"]


def test_crash_is_recorded_once(orchestrator: str):
    run = ProposingRun(retries=1)
    run.propose("CRASHED")
    run.propose("CRASHED")
    assert run.answers == ["Running", "Crashed", "ABORT"]
    assert run.end() == ["Pending", "Running", "Crashed"]


def test_run_cancels_itself(orchestrator: str):
    run = ProposingRun()
    run.propose("CANCELLED")
    assert run.end() == ["Pending", "Running", "Cancelled"]


@pytest.mark.parametrize("type_", ["COMPLETED", "FAILED", "CRASHED"])
def test_run_ends_as_cancelled_when_client_cancels_it(orchestrator: str, type_: str):
    run = ProposingRun(retries=1)
    run.set_state_as_client(state("CANCELLING"))
    run.propose(type_)
    assert run.answers == ["Running", "Cancelled"]
    assert run.end() == ["Pending", "Running", "Cancelling", "Cancelled"]


def test_crash_is_not_recorded_when_client_ended_run(orchestrator: str):
    run = ProposingRun()
    run.set_state_as_client(state("CANCELLED"), force=True)
    run.propose("CRASHED")
    assert run.answers == ["Running", "ABORT"]
    assert run.end() == ["Pending", "Running", "Cancelled"]


def test_interruption_is_raised_when_client_ended_run(orchestrator: str):
    run_ids: list[Any] = []

    @flow
    def main() -> None:
        run_ids.append(runtime.id)
        with get_client(sync_client=True) as client:
            client.set_flow_run_state(run_ids[0], state("CANCELLED"), force=True)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        main()
    with get_client(sync_client=True) as client:
        assert client.read_flow_run(run_ids[0]).state_type is StateType.CANCELLED


def test_paused_run_continues_when_resumed(orchestrator: str):
    run = ProposingRun()
    run.set_state_as_client(Paused(timeout_seconds=DELAY_SECONDS, pause_key="1"))
    run.resume()
    run.propose("COMPLETED")
    assert run.end() == ["Pending", "Running", "Paused", "Running", "Completed"]
    with get_client(sync_client=True) as client:
        assert client.read_flow_run(run.engine.run_id).run_count == 2


def test_run_completes_while_it_is_paused(orchestrator: str):
    run = ProposingRun()
    run.set_state_as_client(Paused(timeout_seconds=DELAY_SECONDS, pause_key="1"))
    run.propose("COMPLETED")
    assert run.end() == ["Pending", "Running", "Paused", "Completed"]


def test_failure_is_final_when_pause_has_expired(orchestrator: str):
    run = ProposingRun(retries=1)
    run.set_state_as_client(Paused(pause_expiration_time=now() - timedelta(seconds=1), pause_key="1"))
    run.propose("FAILED")
    assert run.answers == ["Running", "Failed"]
    assert run.end() == ["Pending", "Running", "Paused", "Failed"]


@pytest.mark.parametrize(
    ("type_", "answer"),
    [
        ("RUNNING", "Running"),
        ("FAILED", "Failed"),
        ("PAUSED", "ABORT"),
        ("CRASHED", "ABORT"),
        ("CANCELLING", "ABORT"),
        ("SCHEDULED", "ABORT"),
    ],
)
def test_state_proposed_after_end_is_rejected(orchestrator: str, type_: str, answer: str):
    run = ProposingRun()
    run.propose("COMPLETED")
    run.propose(type_)
    assert run.answers == ["Running", "Completed", answer]
    assert run.end() == ["Pending", "Running", "Completed", *([answer] if answer != "ABORT" else [])]


@pytest.mark.parametrize(("type_", "answer"), [("PENDING", "ABORT"), ("RUNNING", "Running"), ("PAUSED", "Paused")])
def test_state_proposed_while_running_is_decided(orchestrator: str, type_: str, answer: str):
    run = ProposingRun()
    run.propose(type_)
    assert run.answers == ["Running", answer]


# --- states set by the client -----------------------------------------------------------------------------------------

ClientSteps = list[tuple[str, str]]
"""States that are set one after the other, each with the status and the name of the run's state afterwards."""

FLOW_STEPS: dict[str, ClientSteps] = {
    "retries": [("RUNNING", "ACCEPT Running"), ("FAILED", "REJECT AwaitingRetry")],
    "pending twice": [("RUNNING", "ACCEPT Running"), ("PENDING", "ABORT Running")],
    "crash after the end": [("COMPLETED", "ACCEPT Completed"), ("CRASHED", "ABORT Completed")],
    "cancelling": [
        ("RUNNING", "ACCEPT Running"),
        ("CANCELLING", "ACCEPT Cancelling"),
        ("COMPLETED", "REJECT Cancelling"),
        ("CANCELLED", "ACCEPT Cancelled"),
    ],
    "pause before the start": [("PAUSED", "REJECT Pending")],
}

TASK_STEPS: dict[str, ClientSteps] = {
    "retries": [("RUNNING", "ACCEPT Running"), ("FAILED", "REJECT AwaitingRetry")],
    "crash after the end": [("COMPLETED", "ACCEPT Completed"), ("CRASHED", "ABORT Completed")],
    "run again": [
        ("RUNNING", "ACCEPT Running"),
        ("COMPLETED", "ACCEPT Completed"),
        ("RUNNING", "ACCEPT Running"),
    ],
}


def set_states(
    steps: ClientSteps, set_state: Callable[[State[Any]], Any], read_state: Callable[[], State[Any]]
) -> list[str]:
    answers: list[str] = []
    for type_, _ in steps:
        result = set_state(state(type_))
        answers.append(f"{result.status.value} {read_state().name}")
    return answers


@pytest.mark.parametrize("name", FLOW_STEPS)
def test_client_sets_flow_run_states_by_rules(orchestrator: str, name: str):
    @flow(retries=1, retry_delay_seconds=DELAY_SECONDS)
    def main() -> None: ...

    steps = FLOW_STEPS[name]
    with get_client(sync_client=True) as client:
        run_id: UUID = client.create_flow_run(main).id
        answers = set_states(
            steps,
            lambda proposed: client.set_flow_run_state(run_id, proposed),
            lambda: client.read_flow_run(run_id).state or state("PENDING", "none"),
        )
    assert answers == [answer for _, answer in steps]


@pytest.mark.parametrize("name", TASK_STEPS)
def test_client_sets_task_run_states_by_rules(orchestrator: str, name: str):
    @task(retries=1, retry_delay_seconds=DELAY_SECONDS)
    def work() -> None: ...

    steps = TASK_STEPS[name]
    with get_client(sync_client=True) as client:
        run_id: UUID = client.create_task_run(work, None, str(new_id()), state=state("PENDING")).id
        answers = set_states(
            steps,
            lambda proposed: client.set_task_run_state(run_id, proposed),
            lambda: client.read_task_run(run_id).state or state("PENDING", "none"),
        )
    assert answers == [answer for _, answer in steps]


def test_client_cannot_run_task_when_flow_is_not_running(orchestrator: str):
    @flow
    def main() -> None: ...

    @task
    def work() -> None: ...

    with get_client(sync_client=True) as client:
        flow_run = client.create_flow_run(main)
        task_run = client.create_task_run(work, flow_run.id, str(new_id()), state=state("PENDING"))
        answer = client.set_task_run_state(task_run.id, state("RUNNING"))
    assert answer.status.value == "ABORT"


# --- the shortcuts of the local case ----------------------------------------------------------------------------------

FACTS = rules.Facts(now=now(), client_version="3.9.1", flow_run_state="RUNNING", flow_run_run_count=1)


def entry(type_: str, name: str | None = None) -> rules.RuleState:
    return rules.RuleState(type_, name or type_.capitalize(), FACTS.now)


@pytest.mark.parametrize(
    ("change", "policy", "retries"),
    [*product(sorted(local._ALWAYS_ACCEPTED), (rules.CoreFlowPolicy, rules.MinimalFlowPolicy), (0, 3))],
)
def test_rules_accept_changes_that_engine_does_not_propose(change: tuple[str, str], policy: rules.Policy, retries: int):
    current, proposed = map(entry, change)
    run = rules.Run("flow_run", {"id": new_id(), "run_count": 1}, {"retries": retries})
    verdict = rules.decide(policy, run, current, proposed, FACTS)
    assert isinstance(verdict, rules.Accept) and verdict.state == proposed


@pytest.mark.parametrize("policy", [rules.CoreFlowPolicy, rules.MinimalFlowPolicy])
def test_rules_accept_a_failure_without_retries(policy: rules.Policy):
    verdict = rules.decide(policy, rules.Run("flow_run"), entry("RUNNING"), entry("FAILED"), FACTS)
    assert isinstance(verdict, rules.Accept) and verdict.state == entry("FAILED")


@pytest.mark.parametrize(
    ("current", "proposed", "name"),
    [
        (entry("PENDING"), entry("RUNNING"), "Running"),
        (entry("SCHEDULED", "AwaitingRetry"), entry("RUNNING"), "Retrying"),
        (entry("RUNNING"), entry("COMPLETED"), "Completed"),
        (entry("RUNNING"), entry("CRASHED"), "Crashed"),
        (entry("PENDING"), entry("FAILED"), "Failed"),
        (entry("PENDING"), entry("CANCELLED"), "Cancelled"),
        (entry("PENDING"), entry("PENDING", "NotReady"), "NotReady"),
        (entry("RUNNING"), entry("COMPLETED", "Cached"), "Cached"),
        (entry("SCHEDULED", "AwaitingRetry"), entry("CANCELLED"), "Cancelled"),
    ],
)
def test_rules_name_task_run_states_like_engine(current: rules.RuleState, proposed: rules.RuleState, name: str):
    run_count = 0 if current.type == "PENDING" else 1
    run = rules.Run("task_run", {"id": new_id(), "flow_run_id": new_id(), "run_count": run_count}, {"retries": 0})
    verdict = rules.decide(rules.CoreTaskPolicy, run, current, proposed, FACTS)
    assert isinstance(verdict, rules.Accept)
    assert (verdict.state.type, verdict.state.name) == (proposed.type, name)


def test_flow_without_retries_does_not_import_the_rules():
    program = """
        import sys
        from prefect import flow, task
        @task
        def one(): return 1
        @flow
        def main(): return one()
        main()
        assert "prefect.rules.columns" in sys.modules
        assert "prefect.rules.policies" not in sys.modules
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(program)], check=True, capture_output=True)


def test_engine_watches_local_store_file():
    assert local.STORE_FILE == database.STORE_FILE_NAME


def test_flow_completes_when_local_store_is_damaged(home: Path):
    @flow
    def main() -> int:
        home.mkdir(exist_ok=True)
        (home / local.STORE_FILE).write_bytes(b"no database" * 1000)
        return 1

    assert main() == 1
    assert recorded_states(home, "flow_run") == ["Pending", "Running", "Completed"]


def test_subflow_and_parent_task_run_have_same_states(orchestrator: str):
    run_ids: list[Any] = []

    @flow(retries=1)
    def inner() -> None:
        run_ids.append(runtime.id)
        if len(run_ids) == 1:
            raise ValueError("no")

    @flow
    def outer() -> None:
        inner()

    outer()
    with get_client(sync_client=True) as client:
        run = client.read_flow_run(run_ids[0])
        assert run.parent_task_run_id is not None
        parent_states = client.read_task_run_states(run.parent_task_run_id)
        states = client.read_flow_run_states(run.id)
    names = ["Pending", "Running", "AwaitingRetry", "Running", "Completed"]
    assert [each.name for each in states] == names
    # A server creates the parent task run as Pending before it follows the flow run.
    assert [each.name for each in parent_states][-len(names) :] == names
