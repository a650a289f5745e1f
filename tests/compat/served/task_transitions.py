"""Changes of a task run's state that are asked for through the API."""

import uuid

import _served  # noqa: F401
from _facts import client, fact

from prefect import flow, task
from prefect.client.schemas.objects import StateType
from prefect.exceptions import PrefectHTTPStatusError
from prefect.states import State


@flow
def subject():
    pass


@task
def work():
    pass


def answer(api, run, state, force=False):
    try:
        result = api.set_task_run_state(run.id, state, force=force)
    except PrefectHTTPStatusError as error:
        return [error.response.status_code]
    return [result.status.value, result.details.type, result.state and [result.state.type.value, result.state.name]]


with client() as api:
    parent = api.create_flow_run(subject, state=State(type=StateType.PENDING))
    api.set_flow_run_state(parent.id, State(type=StateType.RUNNING))
    for first in StateType:
        table = {}
        for second in StateType:
            for force in (False, True):
                run = api.create_task_run(work, flow_run_id=parent.id, dynamic_key=uuid.uuid4().hex)
                answer(api, run, State(type=first), force=True)
                told = answer(api, run, State(type=second), force=force)
                now = api.read_task_run(run.id)
                table[f"{second.value}{' by force' if force else ''}"] = [
                    told,
                    now.state_type.value,
                    now.state_name,
                    now.run_count,
                ]
        fact(f"from {first.value}", table)
