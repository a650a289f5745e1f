"""Every change of a flow run's state, asked for with and without force."""

import _served  # noqa: F401
from _facts import client, fact

from prefect import flow
from prefect.client.schemas.objects import StateType
from prefect.exceptions import PrefectHTTPStatusError
from prefect.states import State


@flow
def subject():
    pass


def proposed(kind):
    return State(type=kind)


def answer(api, run, state, force=False):
    try:
        result = api.set_flow_run_state(run.id, state, force=force)
    except PrefectHTTPStatusError as error:
        return [error.response.status_code]
    return [
        result.status.value,
        result.details.type,
        result.state and [result.state.type.value, result.state.name],
    ]


with client() as api:
    for first in StateType:
        table = {}
        for second in StateType:
            for force in (False, True):
                run = api.create_flow_run(subject, state=State(type=StateType.PENDING))
                begun = answer(api, run, proposed(first), force=True)
                told = answer(api, run, proposed(second), force=force)
                now = api.read_flow_run(run.id)
                table[f"{second.value}{' by force' if force else ''}"] = [
                    told,
                    now.state_type.value,
                    now.state_name,
                    now.run_count,
                    [now.start_time is not None, now.end_time is not None],
                ]
        fact(f"from {first.value}", [begun, table])
    for kind in StateType:
        run = api.create_flow_run(subject, state=State(type=kind))
        fact(f"created {kind.value}", [run.state_type.value, run.state_name, run.run_count, run.state.name])
    run = api.create_flow_run(subject)
    fact("created without a state", [run.state_type.value, run.state_name, run.name != "", run.auto_scheduled])
