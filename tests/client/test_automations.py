"""Automations: created, read, changed and deleted through the API."""

import pytest

from prefect.automations import Automation, DoNothing, EventTrigger, RunDeployment
from prefect.events import DeploymentEventTrigger
from prefect.exceptions import ObjectNotFound
from prefect.types import new_id


def test_automation_is_created_updated_and_deleted() -> None:
    made = Automation(name="nightly", trigger=EventTrigger(expect={"a.b"}), actions=[DoNothing()], tags=["x"]).create()
    assert made.id is not None
    found = Automation.read(name="nightly")
    assert (found.id, found.tags, type(found.trigger)) == (made.id, ["x"], EventTrigger)
    found.description = "what for"
    found.update()
    assert Automation.read(id=made.id).description == "what for"
    assert found.disable() and not Automation.read(id=made.id).enabled
    assert found.enable() and Automation.read(id=made.id).enabled
    assert found.delete()
    assert not found.delete()
    assert not found.enable()
    assert not found.disable()
    with pytest.raises(ObjectNotFound):
        found.update()


async def test_automation_is_created_and_deleted_asynchronously() -> None:
    made = await Automation(name="n", trigger=EventTrigger(), actions=[]).create()  # pyright: ignore[reportGeneralTypeIssues]
    assert (await Automation.aread(id=made.id)).name == "n"
    assert await made.adelete()


def test_automation_error_names_a_missing_automation() -> None:
    id = new_id()
    with pytest.raises(ValueError, match=str(id)):
        Automation.read(id=id)
    with pytest.raises(ValueError, match="nothing"):
        Automation.read(name="nothing")
    with pytest.raises(ValueError, match="Pass either the id or the name"):
        Automation.read()
    with pytest.raises(ValueError, match="not created"):
        Automation(name="n", trigger=EventTrigger(), actions=[]).update()


def test_deployment_trigger_converts_to_an_automation() -> None:
    trigger, deployment = DeploymentEventTrigger(expect={"a"}, name="t", parameters={"x": 1}), new_id()
    trigger.set_deployment_id(deployment)
    automation = trigger.as_automation()
    (action,) = automation.actions
    assert isinstance(action, RunDeployment)
    assert (automation.name, action.deployment_id, action.parameters) == ("t", deployment, {"x": 1})
    assert automation.owner_resource == f"prefect.deployment.{deployment}"
