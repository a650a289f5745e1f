"""Automations that fire: an event runs a deployment and changes the state of a flow run."""

import time

import _served  # noqa: F401
from _facts import fact

from prefect import flow, get_client
from prefect.automations import Automation
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterId
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.events import emit_event
from prefect.events.actions import ChangeFlowRunState, RunDeployment
from prefect.events.schemas.automations import EventTrigger, Posture
from prefect.events.worker import EventsWorker
from prefect.states import Running

client = get_client(sync_client=True)


@flow
def reacting() -> None:
    pass


flow_id = client.create_flow(reacting)
deployment_id = client.create_deployment(flow_id, "on-paid", enforce_parameter_schema=False)


def runs_of_deployment() -> list[FlowRun]:
    return client.read_flow_runs(deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=[deployment_id])))


before = {each.id for each in runs_of_deployment()}  # another program may have run on this server
run = client.create_flow_run(reacting, state=Running())
resource = {"prefect.resource.id": "shop.1", "prefect.resource.name": "corner"}


def watch(name: str, *actions: object, threshold: int = 1, within: int = 0) -> Automation:
    trigger = EventTrigger(
        expect={"shop.paid"},
        match={"prefect.resource.id": "shop.*"},
        match_related={"prefect.resource.role": "flow-run"},
        for_each={"prefect.resource.id"},
        posture=Posture.Reactive,
        threshold=threshold,
        within=within,
    )
    return Automation(name=name, trigger=trigger, actions=list(actions)).create()


parameters = {
    "shop": {"__prefect_kind": "jinja", "template": "{{ event.resource['prefect.resource.name'] }}"},
    "run": {"__prefect_kind": "jinja", "template": "{{ flow_run.name and event.event }}"},
}
made = [
    watch("run it", RunDeployment(deployment_id=deployment_id, parameters=parameters)),
    watch("fail it", ChangeFlowRunState(state=StateType.FAILED, message="unpaid"), threshold=2, within=60),
]
time.sleep(5)  # a server may read automations now and then only
for name in ("shop.paid", "shop.paid", "shop.closed"):
    related = [{"prefect.resource.id": f"prefect.flow-run.{run.id}", "prefect.resource.role": "flow-run"}]
    emit_event(name, resource, related=related)
    time.sleep(0.5)
EventsWorker.instance().wait_until_empty()

deadline = time.monotonic() + 60
runs = []
while time.monotonic() < deadline:
    runs = [each for each in runs_of_deployment() if each.id not in before]
    if len(runs) >= 2 and client.read_flow_run(run.id).state.is_failed():
        break
    time.sleep(0.2)
fact("runs", sorted([each.parameters["shop"], each.parameters["run"], each.created_by.type] for each in runs))
state = client.read_flow_run(run.id).state
fact("changed", [state.type.value, state.name, state.message])
for each in made:
    each.delete()
