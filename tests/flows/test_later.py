"""What a flow will be able to do says so when it is used, and not before."""

import pytest

from prefect import flow, flows, task


@flow
def hello(): ...


@pytest.mark.parametrize("name", ["serve", "deploy", "adeploy", "to_deployment", "ato_deployment"])
def test_serving_and_deploying(name):
    with pytest.raises(NotImplementedError, match=rf"Flow\.{name} cannot be used yet: .*a later release"):
        getattr(hello, name)(name="x")


@pytest.mark.parametrize("source", [flow, hello, flows.Flow], ids=["decorator", "flow", "class"])
def test_loading_from_storage(source):
    with pytest.raises(NotImplementedError, match="from_source"):
        source.from_source(source="https://github.com/x/y.git", entrypoint="a.py:b")


@pytest.mark.parametrize("name", ["serve", "aserve", "bind_flow_to_infrastructure"])
def test_functions_of_the_module(name):
    with pytest.raises(NotImplementedError, match=name):
        getattr(flows, name)(hello)


def test_a_class_can_be_looked_at():
    assert not isinstance(hello, flows.InfrastructureBoundFlow)
    with pytest.raises(NotImplementedError, match="InfrastructureBoundFlow"):
        flows.InfrastructureBoundFlow(lambda: None)


@pytest.mark.parametrize("name", ["delay", "apply_async", "serve", "aserve"])
def test_tasks_in_task_workers(name):
    with pytest.raises(NotImplementedError, match=name):
        getattr(task(lambda: None), name)()


def test_the_options_as_types_are_those_that_are_taken():
    import inspect

    from prefect._flow import Flow
    from prefect._options import FlowOptions
    from prefect.tasks import Task, TaskOptions

    for body, options in ((Task, TaskOptions), (Flow, FlowOptions)):
        taken = set(inspect.signature(body.__init__).parameters) - {"self", "fn"}
        assert taken == options.__annotations__.keys()
