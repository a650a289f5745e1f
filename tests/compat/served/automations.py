"""Automations created, read, changed and deleted."""
# clients: original

import _served  # noqa: F401
from _facts import fact, trace

from prefect.automations import Automation
from prefect.events.actions import CancelFlowRun, DoNothing
from prefect.events.schemas.automations import EventTrigger, Posture

automation = Automation(
    name="stop it",
    description="d",
    enabled=True,
    trigger=EventTrigger(
        expect={"prefect.flow-run.Failed"},
        match={"prefect.resource.id": "prefect.flow-run.*"},
        posture=Posture.Reactive,
        threshold=3,
        within=60,
    ),
    actions=[CancelFlowRun()],
).create()
read = Automation.read(name="stop it")
fact(
    "read",
    [
        read.name,
        read.description,
        read.enabled,
        sorted(read.trigger.expect),
        read.trigger.threshold,
        read.trigger.within.total_seconds(),
        [each.type for each in read.actions],
    ],
)
read.name = "leave it"
read.actions = [DoNothing()]
read.update()
fact("changed", [Automation.read(id=read.id).name, [each.type for each in Automation.read(id=read.id).actions]])
read.disable()
fact("disabled", Automation.read(id=read.id).enabled)
read.enable()
fact("enabled", Automation.read(id=read.id).enabled)
read.delete()
trace("deleted", lambda: Automation.read(name="leave it"))
