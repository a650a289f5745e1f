"""Pending runs whose infrastructure is gone: what can be known of them."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from prefect.schemas.runs import FlowRun
from prefect.schemas.states import State, StateType
from prefect.schemas.worker_channel import WORKER_LABEL
from prefect.types import now
from prefect.workers.lost_runs import ENGINE_LABEL, build_engine_label, explain_loss

START = now()
CLAIM = UUID(int=1)


def make_run(labels: dict[str, str], seconds: float = -60) -> FlowRun:
    state = State(type=StateType.PENDING, id=CLAIM, timestamp=START + timedelta(seconds=seconds))
    return FlowRun(flow_id=uuid4(), state=state, labels={**labels}, infrastructure_pid="default:job:uid")


def test_label_names_the_engine_and_the_claim():
    assert build_engine_label(make_run({}), "e") == {ENGINE_LABEL: f"e/{CLAIM}"}


def test_infrastructure_that_was_started_on_the_engine_was_removed():
    run = make_run({ENGINE_LABEL: f"e/{CLAIM}", WORKER_LABEL: "other"})
    reason = explain_loss(run, "e", "mine", START)
    assert reason == "The infrastructure of the run, default:job:uid, was removed before the run began."


def test_worker_of_the_same_name_had_ended_before_the_start():
    reason = explain_loss(make_run({WORKER_LABEL: "mine"}), "e", "mine", START)
    assert reason == "The worker 'mine' ended before it had started the infrastructure of the run."


@pytest.mark.parametrize(
    ("labels", "seconds"),
    [
        pytest.param({ENGINE_LABEL: f"f/{CLAIM}", WORKER_LABEL: "other"}, -60, id="another engine"),
        pytest.param({ENGINE_LABEL: f"e/{UUID(int=2)}", WORKER_LABEL: "other"}, -60, id="an earlier claim"),
        pytest.param({WORKER_LABEL: "other"}, -60, id="another worker"),
        pytest.param({WORKER_LABEL: "mine"}, 1, id="claimed by this worker now"),
        pytest.param({}, -60, id="nothing is known"),
    ],
)
def test_run_is_left_alone_when_its_infrastructure_may_be_elsewhere(labels: dict[str, str], seconds: float):
    assert explain_loss(make_run(labels, seconds), "e", "mine", START) is None
