"""Functions of operations parse, call one service and return."""

from __future__ import annotations

import ast
import inspect
import textwrap

import pytest

from prefect.server.routes import list_operations
from prefect.server.routes.core.criteria import RunCriteria
from prefect.server.routes.core.operation import BodyFields, Operation, RowRange
from prefect.server.routes.core.parameters import build_arguments, list_parameters


@pytest.mark.parametrize("operation", list_operations(), ids=lambda operation: operation.fn.__name__)
def test_operation_calls_one_service(operation: Operation) -> None:
    function = ast.parse(textwrap.dedent(inspect.getsource(operation.fn)))
    assert sum(isinstance(node, ast.Await) for node in ast.walk(function)) <= 1


def test_criteria_are_fields_of_the_body_under_the_names_of_the_interface() -> None:
    operation = next(item for item in list_operations() if item.fn.__name__ == "count_flow_runs")
    names = ["flows", "flow_runs", "task_runs", "deployments", "work_pools", "work_pool_queues"]
    assert [(item.name, item.location, item.required) for item in list_parameters(operation)] == [
        (name, "body", False) for name in names
    ]


def test_build_arguments_gathers_the_fields_of_a_group() -> None:
    operation = next(item for item in list_operations() if item.fn.__name__ == "read_flow_runs")
    queues, flows = object(), object()
    arguments = build_arguments(operation, {"flows": flows, "work_pool_queues": queues, "offset": 3})
    criteria = arguments.pop("criteria")
    assert arguments == {"rows": RowRange(offset=3)}
    assert isinstance(criteria, RunCriteria)
    assert criteria.as_filters() == {"flows": flows, "work_queues": queues}


def test_body_fields_that_are_not_nullable_have_the_bare_type() -> None:
    marked = {item.fn.__name__: list_parameters(item) for item in list_operations()}
    nullable = next(item.type for item in marked["paginate_flows"] if item.name == "flows")
    bare = next(item.type for item in marked["read_flows"] if item.name == "flows")
    assert nullable == bare | None
    assert BodyFields(("flows",)).nullable
