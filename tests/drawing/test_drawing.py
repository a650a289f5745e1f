"""Drawing of flows: tasks are not executed, and edges show which task receives which result."""

import asyncio
import subprocess
import sys
import types

import pytest

from prefect import allow_failure, flow, get_client, tags, task, unmapped
from prefect.exceptions import ParameterBindError
from prefect.futures import as_completed, wait
from prefect.utilities import visualization
from prefect.utilities.visualization import (
    FlowVisualizationError,
    GraphvizExecutableNotFoundError,
    GraphvizImportError,
    TaskVizTracker,
    TaskVizTrackerState,
    VizTask,
    build_mermaid_dependencies,
    build_task_dependencies,
    get_task_viz_tracker,
    track_viz_task,
)

pytestmark = pytest.mark.filterwarnings("ignore:Drawing the flow")

ran: list[str] = []


@pytest.fixture(autouse=True)
def nothing_ran():
    ran.clear()
    yield
    assert not ran


@task
def one(x=1):
    ran.append("one")


@task(viz_return_value=[1000, "text"])
def two(x=None):
    ran.append("two")


@task
async def three(x=None):
    ran.append("three")


def edges(drawn) -> set[tuple[str, str]]:
    text = drawn if isinstance(drawn, str) else drawn.generate_mermaid_graph()
    return {tuple(line.split(" --> ")) for line in text.replace("    ", "").splitlines() if "-->" in line}


def nodes(drawn) -> list[str]:
    text = drawn if isinstance(drawn, str) else drawn.generate_mermaid_graph()
    return [line.split('"')[1] for line in text.splitlines() if '["' in line]


class TestCalls:
    def test_mermaid_graph_of_a_chain(self):
        @flow
        def chain():
            two(one())

        assert chain.generate_mermaid_graph() == (
            'flowchart TD\n    one_0["one-0"]\n    two_0["two-0"]\n    one_0 --> two_0'
        )

    def test_calls_of_one_task_are_numbered(self):
        @flow
        def several(n):
            for _ in range(n):
                one()

        assert nodes(several.generate_mermaid_graph(3)) == ["one-0", "one-1", "one-2"]

    def test_nested_arguments_are_dependencies(self):
        @task
        def takes(*args, **kwargs): ...

        @flow
        def nested():
            takes([one()], {"k": one()}, key=(one(),), other=allow_failure(one()), same=unmapped(two()))

        assert edges(nested) == {(name, "takes_0") for name in ("one_0", "one_1", "one_2", "one_3", "two_0")}

    def test_repeated_edge_is_drawn_once(self):
        @flow
        def twice():
            x = one()
            one([x, x, {"again": x}])

        assert twice.generate_mermaid_graph().count("-->") == 1

    def test_viz_return_value_and_its_items_are_linked(self):
        @flow
        def examples():
            number, text = two()
            assert (number, text) == (1000, "text")
            one(text)
            one(number + 1)

        assert edges(examples) == {("two_0", "one_0")}

    def test_flow_with_states_and_tags_can_be_drawn(self):
        @flow
        def tagged():
            with tags("a"):
                return one()

        assert nodes(tagged) == ["one-0"]

    def test_flow_without_calls_has_an_empty_graph(self):
        assert flow(lambda: None).generate_mermaid_graph() == "flowchart TD"

    def test_node_names_are_escaped(self):
        @flow
        def odd():
            task(name='say "hi"')(lambda: None)()
            task(name="a-b")(lambda: None)()
            task(name="a b")(lambda: None)()

        text = odd.generate_mermaid_graph()
        assert '    say__hi__0["say #quot;hi#quot;-0"]' in text
        assert '    a_b_0["a-b-0"]' in text
        assert '    a_b_0_2["a b-0"]' in text


class TestSubmissions:
    def test_submitted_futures_are_completed_and_drawn_as_edges(self):
        @flow
        def submits():
            future = one.submit()
            future.wait()
            assert future.state.is_completed()
            assert set(as_completed([future])) == wait([future]).done == {future}
            two.submit(future)
            one(future.result())

        assert edges(submits) == {("one_0", "two_0"), ("one_0", "one_1")}

    def test_map_is_one_node(self):
        @flow
        def maps():
            mapped = one.map([1, 2, 3])
            two.map(mapped)
            one(mapped.result())

        assert nodes(maps) == ["one-0", "two-0", "one-1"]
        assert edges(maps) == {("one_0", "two_0"), ("one_0", "one_1")}

    def test_wait_for_is_an_edge(self):
        @flow
        def inner(): ...

        @flow
        def waits():
            future = one.submit()
            one(wait_for=[future])
            two.map([1], wait_for=[future])
            inner(wait_for=future)

        assert edges(waits) == {("one_0", "one_1"), ("one_0", "two_0"), ("one_0", "inner_0")}


class TestSubflows:
    def test_subflow_is_one_node(self):
        @flow
        def inner(x):
            ran.append("inner")

        @flow
        async def async_inner(x):
            ran.append("async_inner")

        @flow
        async def outer():
            inner(await async_inner(one()))

        assert nodes(outer) == ["one-0", "async-inner-0", "inner-0"]
        assert edges(outer) == {("one_0", "async_inner_0"), ("async_inner_0", "inner_0")}


class TestAsync:
    @flow
    async def chain(self):
        first = await three()
        await asyncio.gather(three(first), three(first))

    expected = frozenset({("three_0", "three_1"), ("three_0", "three_2")})

    async def test_agenerate_mermaid_graph_draws_an_async_flow(self):
        assert edges(await self.chain.agenerate_mermaid_graph()) == self.expected

    async def test_generate_mermaid_graph_works_in_async_code(self):
        assert edges(self.chain.generate_mermaid_graph()) == self.expected

    def test_generate_mermaid_graph_draws_an_async_flow(self):
        assert edges(self.chain) == self.expected

    async def test_agenerate_mermaid_graph_draws_a_sync_flow(self):
        @flow
        def sync():
            two(one())

        assert edges(await sync.agenerate_mermaid_graph()) == {("one_0", "two_0")}

    async def test_concurrent_drawings_are_separate(self):
        @flow
        async def slow(n):
            for _ in range(n):
                await asyncio.sleep(0)
                await three()

        drawn = await asyncio.gather(*(slow.agenerate_mermaid_graph(n) for n in (1, 2, 3)))
        assert [len(nodes(text)) for text in drawn] == [1, 2, 3]
        assert get_task_viz_tracker() is None


class TestGenerators:
    def test_generator_flows_can_be_drawn(self):
        @flow
        def generates():
            yield one()
            yield two()

        @flow
        async def agenerates():
            yield await three()

        assert nodes(generates) == ["one-0", "two-0"]
        assert nodes(agenerates) == ["three-0"]

    async def test_generator_tasks_can_be_drawn(self):
        @task
        def items():
            ran.append("items")
            yield

        @task(viz_return_value=["a" * 20, "b" * 20])
        async def aitems():
            ran.append("aitems")
            yield

        @flow
        async def consumes():
            for item in items():
                one(item)
            async for item in aitems():
                one(item)

        assert edges(consumes) == {("items_0", "one_0"), ("aitems_0", "one_1"), ("aitems_0", "one_2")}


class TestErrors:
    def test_error_suggests_viz_return_value(self):
        @flow
        def computes():
            return one() + 1

        with pytest.raises(TypeError) as raised:
            computes.generate_mermaid_graph()
        assert "viz_return_value" in raised.value.__notes__[0]
        assert get_task_viz_tracker() is None

    def test_invalid_arguments_raise(self):
        with pytest.raises(ParameterBindError):
            flow(lambda x: None).generate_mermaid_graph()

    def test_drawing_records_no_runs(self):
        @flow
        def recorded():
            one()

        recorded.generate_mermaid_graph()
        with get_client(sync_client=True) as client:
            assert not client.read_flow_runs() and not client.read_task_runs()

    @pytest.mark.filterwarnings("error:Drawing the flow")
    def test_drawing_warns_that_it_executes_the_flow(self):
        with pytest.warns(UserWarning, match="executes its code"):
            flow(lambda: None).generate_mermaid_graph()


class TestGraphviz:
    @pytest.fixture
    def missing(self, monkeypatch: pytest.MonkeyPatch):
        """Make `import graphviz` fail."""
        monkeypatch.setitem(sys.modules, "graphviz", None)
        from prefect import _drawing
        from prefect._lazy import lazy

        monkeypatch.setattr(_drawing, "graphviz", lazy("graphviz"))

    @pytest.fixture
    def rendered(self, monkeypatch: pytest.MonkeyPatch):
        """A fake `graphviz` package that records its graphs."""
        graphs = []

        class Digraph:
            def __init__(self):
                self.nodes, self.edges, self.options = [], [], {}
                graphs.append(self)

            def node(self, name):
                self.nodes.append(name)

            def edge(self, tail, head):
                self.edges.append((tail, head))

            def render(self, **options):
                self.options = options

        fake = types.SimpleNamespace(
            Digraph=Digraph,
            backend=types.SimpleNamespace(ExecutableNotFound=type("ExecutableNotFound", (Exception,), {})),
        )
        from prefect import _drawing

        monkeypatch.setattr(_drawing, "graphviz", fake)
        return graphs

    def test_missing_graphviz_package_raises_before_the_flow_is_called(self, missing):
        @flow
        def never():
            ran.append("never")

        with pytest.raises(GraphvizImportError, match=r"pip install graphviz.*mermaid"):
            never.visualize()

    async def test_visualize_renders_in_sync_and_async_code(self, rendered):
        @flow
        def chain():
            two(one())

        await chain.visualize()
        await chain.avisualize()
        await asyncio.to_thread(chain.visualize)
        for graph in rendered:
            assert (graph.nodes, graph.edges) == (["one-0", "two-0"], [("one-0", "two-0")])
            assert (graph.options["filename"], graph.options["view"]) == ("chain", False)
        assert len(rendered) == 3

    def test_missing_graphviz_program_raises(self, rendered, monkeypatch: pytest.MonkeyPatch):
        from prefect import _drawing

        def render(self, **options):
            raise _drawing.graphviz.backend.ExecutableNotFound

        monkeypatch.setattr(_drawing.graphviz.Digraph, "render", render)
        with pytest.raises(GraphvizExecutableNotFoundError, match="'dot'"):
            flow(lambda: None).visualize()

    def test_failed_rendering_raises(self, rendered, monkeypatch: pytest.MonkeyPatch):
        from prefect import _drawing

        def render(self, **options):
            raise subprocess.CalledProcessError(1, ["dot"])

        monkeypatch.setattr(_drawing.graphviz.Digraph, "render", render)
        with pytest.raises(FlowVisualizationError, match="dot"):
            flow(lambda: None).visualize()


class TestTracker:
    def test_tracker_is_current_inside_its_block(self):
        with TaskVizTracker() as tracker:
            assert get_task_viz_tracker() is TaskVizTrackerState.current is tracker
        assert get_task_viz_tracker() is TaskVizTrackerState.current is None

    def test_tracker_records_calls(self):
        with TaskVizTracker() as tracker:
            first = track_viz_task(False, "first", {"x": 1})
            value = track_viz_task(False, "second", {"x": {"k": [first]}}, viz_return_value=[1234])
            track_viz_task(False, "first", {"x": value})
        assert isinstance(first, VizTask) and value == [1234]
        assert [(node.name, [up.name for up in node.upstream_tasks]) for node in tracker.tasks] == [
            ("first-0", []),
            ("second-0", ["first-0"]),
            ("first-1", ["second-0"]),
        ]
        assert tracker.dynamic_task_counter == {"first": 1, "second": 0}

    async def test_track_viz_task_can_be_awaited(self):
        with TaskVizTracker():
            assert (await track_viz_task(True, "a", {})).name == "a-0"

    def test_tracker_adds_nodes_and_links_values(self):
        tracker = TaskVizTracker()
        node, value = VizTask("mine"), object()
        tracker.add_task(node)
        tracker.link_viz_return_value_to_viz_task(value, node)
        assert tracker.object_id_to_task[id(value)] is node
        assert build_mermaid_dependencies(tracker) == 'flowchart TD\n    mine_0["mine-0"]'

    def test_track_viz_task_raises_outside_of_a_drawing(self):
        with pytest.raises(FlowVisualizationError, match="No flow is being drawn"):
            track_viz_task(False, "a", {})

    def test_visualization_module_exports_every_name(self):
        assert all(hasattr(visualization, name) for name in visualization.__all__)
        assert build_task_dependencies is visualization.build_task_dependencies
