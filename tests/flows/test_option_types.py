"""The types of the options of flows and tasks."""


def test_option_types_equal_the_parameters_of_the_constructors():
    import inspect

    from prefect._flow import Flow
    from prefect._options import FlowOptions
    from prefect.tasks import Task, TaskOptions

    for body, options in ((Task, TaskOptions), (Flow, FlowOptions)):
        taken = set(inspect.signature(body.__init__).parameters) - {"self", "fn"}
        assert taken == options.__annotations__.keys()
