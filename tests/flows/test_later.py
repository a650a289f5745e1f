"""Methods of flows and tasks that are not implemented yet raise when they are called."""

import pytest

from prefect import flow, flows


@flow
def hello(): ...


@pytest.mark.parametrize("name", ["bind_flow_to_infrastructure"])
def test_planned_function_raises_not_implemented(name):
    with pytest.raises(NotImplementedError, match=name):
        getattr(flows, name)(hello)


def test_planned_class_can_be_inspected():
    assert not isinstance(hello, flows.InfrastructureBoundFlow)
    with pytest.raises(NotImplementedError, match="InfrastructureBoundFlow"):
        flows.InfrastructureBoundFlow(lambda: None)


def test_option_types_equal_the_parameters_of_the_constructors():
    import inspect

    from prefect._flow import Flow
    from prefect._options import FlowOptions
    from prefect.tasks import Task, TaskOptions

    for body, options in ((Task, TaskOptions), (Flow, FlowOptions)):
        taken = set(inspect.signature(body.__init__).parameters) - {"self", "fn"}
        assert taken == options.__annotations__.keys()
