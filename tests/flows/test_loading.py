"""Loading of flows from files and modules, also when an import is missing."""

import inspect
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from prefect import flow, get_client, journal
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import LogFilter
from prefect.deployments.steps.core import StepExecutionError
from prefect.exceptions import MissingFlowError, ScriptError, UnspecifiedFlowError
from prefect.filesystems import LocalFileSystem
from prefect.flows import (
    is_entrypoint_async,
    load_flow_arguments_from_entrypoint,
    load_flow_from_entrypoint,
    load_flow_from_flow_run,
    load_function_and_convert_to_flow,
    load_placeholder_flow,
    safe_load_flow_from_entrypoint,
    select_flow,
)
from prefect.schemas.runs import FlowRun

GOOD = """
    import os
    from prefect import flow

    NAME = "from a constant"

    @flow(name="first " + NAME, retries=3, description="what it does", version=os.environ.get("NO_SUCH", "9"))
    def first(x: int = 1):
        return x

    @flow
    async def second_one():
        '''A docstring.'''

    class Job:
        @flow
        def method(self):
            return "method"

        @flow(name="static")
        @staticmethod
        def static():
            return "static"

    def plain(y: int = 2):
        print("printed")
        return y

    @flow(name=f"computed {NAME}", log_prints=True, persist_result=None)
    def computed(): ...

    if __name__ == "__main__":
        raise RuntimeError("the program itself must not run")
"""

MISSING = """
    import no_such_package
    from prefect import flow

    @flow(name="hello")
    def typed(x: int = 1, y: no_such_package.Thing = None):
        return x

    @flow
    async def asynchronous():
        return no_such_package.thing()

    @flow(name=no_such_package.NAME, retries=1 + 1)
    def unknowable():
        return 1

    default = no_such_package.DEFAULT

    @flow(retries=7)
    def impossible(x=default): ...

    @flow
    async def async_impossible(x=default): ...
"""


@pytest.fixture(autouse=True)
def files(home: Path, monkeypatch: pytest.MonkeyPatch):
    """Create two files in the working directory, and undo the imports of the test."""
    names, path = set(sys.modules), list(sys.path)
    Path("good_flows.py").write_text(textwrap.dedent(GOOD))
    Path("missing_flows.py").write_text(textwrap.dedent(MISSING))
    yield
    sys.path[:] = path
    for name in set(sys.modules) - names:
        if name.startswith("__prefect_loader") or name in ("good_flows", "missing_flows"):
            del sys.modules[name]


class TestLoadFlowFromEntrypoint:
    @pytest.mark.parametrize("entrypoint", ["good_flows.py:first", "good_flows:first", "good_flows.first"])
    def test_loads_from_a_file_or_a_module(self, entrypoint):
        found = load_flow_from_entrypoint(entrypoint)
        assert (found.name, found.retries, found(5)) == ("first from a constant", 3, 5)

    def test_loads_from_a_path_outside_the_working_directory(self, tmp_path_factory: pytest.TempPathFactory):
        path = tmp_path_factory.mktemp("elsewhere") / "flows.py"
        path.write_text("from prefect import flow\n@flow\ndef there(): return 1")
        assert load_flow_from_entrypoint(f"{path}:there")() == 1

    def test_loads_a_method_of_a_class(self):
        assert load_flow_from_entrypoint("good_flows.py:Job.static")() == "static"
        assert load_flow_from_entrypoint("good_flows.py:Job.method").name == "method"

    def test_raises_for_a_missing_object_or_file(self):
        with pytest.raises(MissingFlowError, match=r"'nothing' not found in 'good_flows\.py'"):
            load_flow_from_entrypoint("good_flows.py:nothing")
        with pytest.raises(FileNotFoundError):
            load_flow_from_entrypoint("nowhere.py:first")
        with pytest.raises(ModuleNotFoundError, match="nowhere"):
            load_flow_from_entrypoint("nowhere:first")

    def test_rejects_an_object_that_is_not_a_flow(self):
        with pytest.raises(MissingFlowError, match=r"is not a flow but a function: decorate"):
            load_flow_from_entrypoint("good_flows.py:plain")


class TestMissingImports:
    def test_builds_the_flow_from_definitions_when_an_import_is_missing(self):
        found = load_flow_from_entrypoint("missing_flows.py:typed")
        assert found.name == "hello"
        assert found(x=4) == 4

    def test_keeps_type_hints_that_can_be_evaluated(self):
        properties = load_flow_from_entrypoint("missing_flows.py:typed").parameters.properties
        assert properties["x"]["type"] == "integer"
        assert "type" not in properties["y"]

    async def test_flow_built_from_definitions_raises_in_its_body(self):
        with pytest.raises(NameError):
            await load_flow_from_entrypoint("missing_flows.py:asynchronous")()

    def test_placeholder_flow_raises_when_called(self):
        found = load_flow_from_entrypoint("missing_flows.py:impossible")
        assert found.retries == 7
        with pytest.raises(ScriptError, match="no_such_package"):
            found.with_options(retries=0)()

    async def test_placeholder_of_an_async_flow_raises_when_awaited(self):
        found = load_flow_from_entrypoint("missing_flows.py:async_impossible")
        assert found.isasync
        with pytest.raises(ScriptError, match="no_such_package"):
            await found()

    def test_raises_without_a_placeholder(self):
        with pytest.raises(ScriptError, match="no_such_package"):
            load_flow_from_entrypoint("missing_flows.py:typed", use_placeholder_flow=False)
        with pytest.raises(ModuleNotFoundError, match="no_such_package"):
            load_flow_from_entrypoint("missing_flows:typed", use_placeholder_flow=False)

    def test_module_with_a_missing_import_is_found(self):
        assert load_flow_from_entrypoint("missing_flows:typed").name == "hello"

    def test_load_placeholder_flow_raises_when_called(self):
        placeholder = load_placeholder_flow("good_flows.py:first", ValueError("as requested"))
        assert (placeholder.name, placeholder.version) == ("first from a constant", "9")
        with pytest.raises(ValueError, match="as requested"):
            placeholder.with_options(retries=0)()


class TestSafeLoading:
    def test_definitions_are_read_without_executing_the_file(self):
        Path("loud.py").write_text("from prefect import flow\nopen('ran', 'w').close()\n@flow\ndef f(): ...")
        assert safe_load_flow_from_entrypoint("loud.py:f").name == "f"
        assert not Path("ran").exists()

    def test_defaults_that_need_a_missing_import_are_none(self):
        found = safe_load_flow_from_entrypoint("missing_flows.py:impossible")
        assert (found.name, found.retries, found.parameters.properties["x"]["default"]) == ("impossible", 7, None)
        Path("defaults.py").write_text(
            "import no_such_package\nfrom prefect import flow\n"
            "@flow\ndef f(a, b: int = no_such_package.B, *, c=no_such_package.C, d=4, e): ..."
        )
        built = safe_load_flow_from_entrypoint("defaults.py:f")
        assert str(inspect.signature(built.fn)) == "(a, b: int = None, *, c=None, d=4, e)"

    def test_returns_none_or_raises_when_the_flow_cannot_be_built(self):
        Path("hooks.py").write_text(
            "import no_such_package\nfrom prefect import flow\n"
            "@flow(on_completion=[no_such_package.hook])\ndef f(): ..."
        )
        assert safe_load_flow_from_entrypoint("hooks.py:f") is None
        with pytest.raises(ValueError, match=r"Could not find object 'nothing' in 'missing_flows\.py'"):
            safe_load_flow_from_entrypoint("missing_flows.py:nothing")

    def test_future_imports_of_the_file_are_respected(self):
        Path("with_future.py").write_text(
            "from __future__ import annotations\nfrom prefect import flow\n@flow\ndef f(x: int): ..."
        )
        assert safe_load_flow_from_entrypoint("with_future.py:f").fn.__annotations__ == {"x": "int"}
        assert safe_load_flow_from_entrypoint("good_flows.py:first").fn.__annotations__ == {"x": int}


class TestArguments:
    def test_literal_options_are_read_without_executing_code(self):
        Path("loud.py").write_text(
            "from prefect import flow\nx = open('ran', 'w')\n@flow(name='a', retries=2)\ndef f(): ..."
        )
        assert load_flow_arguments_from_entrypoint("loud.py:f") == {"name": "a", "retries": 2}
        assert not Path("ran").exists()

    @pytest.mark.parametrize(
        "name, options",
        [
            ("first", {"name": "first from a constant", "retries": 3, "description": "what it does", "version": "9"}),
            ("second_one", {"name": "second-one"}),
            ("computed", {"name": "computed from a constant", "log_prints": True, "persist_result": None}),
            ("Job.method", {"name": "method"}),
            ("Job.static", {"name": "static"}),
        ],
    )
    def test_option_expressions_are_evaluated(self, name, options):
        assert load_flow_arguments_from_entrypoint(f"good_flows.py:{name}") == options
        assert load_flow_arguments_from_entrypoint(f"good_flows:{name}") == options

    def test_reads_only_the_requested_options(self):
        assert load_flow_arguments_from_entrypoint("good_flows.py:first", {"name", "retries"}) == {
            "name": "first from a constant",
            "retries": 3,
        }
        assert load_flow_arguments_from_entrypoint("good_flows.py:second_one", ["description"]) == {
            "description": "A docstring."
        }

    def test_option_that_cannot_be_evaluated_is_logged_and_left_out(self, caplog: pytest.LogCaptureFixture):
        options = load_flow_arguments_from_entrypoint("missing_flows.py:unknowable")
        assert options == {"name": "unknowable", "retries": 2}
        assert "The option 'name' of the flow 'missing_flows.py:unknowable' is ignored" in caplog.text

    def test_missing_object_or_file_raises(self):
        with pytest.raises(ValueError, match="Could not find object"):
            load_flow_arguments_from_entrypoint("good_flows.py:nothing")
        with pytest.raises(FileNotFoundError):
            load_flow_arguments_from_entrypoint("nowhere.py:first")


@pytest.mark.parametrize(
    "entrypoint, answer",
    [("good_flows.py:first", False), ("good_flows:second_one", True), ("missing_flows.py:asynchronous", True)],
)
def test_is_entrypoint_async(entrypoint, answer):
    assert is_entrypoint_async(entrypoint) is answer


class TestConverting:
    def test_function_is_converted_to_a_flow_that_logs_prints(self):
        found = load_function_and_convert_to_flow("good_flows.py:plain")
        assert (found.name, found.log_prints, found()) == ("plain", True, 2)

    def test_flow_is_returned_unchanged(self):
        assert load_function_and_convert_to_flow("good_flows:first") is load_flow_from_entrypoint("good_flows:first")

    def test_missing_function_raises(self):
        with pytest.raises(RuntimeError, match="'nothing' not found in 'good_flows'"):
            load_function_and_convert_to_flow("good_flows:nothing")


class TestSelecting:
    @pytest.fixture
    def flows(self):
        return [flow(name=name)(lambda: None) for name in ("one", "two")]

    def test_select_flow_by_name_or_the_only_one(self, flows):
        assert select_flow(flows, "two") is flows[1]
        assert select_flow(flows[:1]) is flows[0]

    def test_select_flow_requires_a_name_for_several_flows(self, flows):
        with pytest.raises(UnspecifiedFlowError, match=r"2 flows in here: 'one', 'two'"):
            select_flow(flows, from_message="in here")

    def test_select_flow_raises_when_there_is_no_match(self, flows):
        with pytest.raises(MissingFlowError, match=r"Flow 'three' not found in here\. There is: 'one', 'two'"):
            select_flow(flows, "three", "in here")
        with pytest.raises(MissingFlowError, match="No flow found"):
            select_flow([])


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file with a flow `hello`, in a directory that is not the working directory."""
    file = tmp_path / "code" / "program.py"
    file.parent.mkdir()
    file.write_text("from prefect import flow\n\n@flow\ndef hello():\n    return 'hello'\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    return file


async def create_run(client: PrefectClient, **deployment: Any) -> FlowRun:
    flow_id = await client.create_flow_from_name("hello")
    deployment_id = await client.create_deployment(flow_id, "here", **deployment)
    return await client.create_flow_run_from_deployment(deployment_id)


class TestLoadFlowFromFlowRun:
    @pytest.mark.parametrize(
        "deployment",
        [
            {"path": "$STORAGE_BASE_PATH/code"},
            {"pull_steps": [{"prefect.deployments.steps.set_working_directory": {"directory": "code"}}]},
        ],
        ids=["path", "pull steps"],
    )
    async def test_loads_from_the_directory_of_the_deployment(self, program: Path, deployment: dict[str, Any]):
        async with get_client() as client:
            run = await create_run(client, entrypoint="program.py:hello", **deployment)
            loaded = await load_flow_from_flow_run(client, run, storage_base_path=str(program.parent.parent))
        assert (loaded.name, Path.cwd()) == ("hello", program.parent)

    async def test_loads_from_the_working_directory_when_storage_is_ignored(self, program: Path):
        async with get_client() as client:
            run = await create_run(client, entrypoint="code/program.py:hello", path="/nowhere/at/all")
            assert (await load_flow_from_flow_run(client, run, ignore_storage=True)).name == "hello"
            with pytest.raises(FileNotFoundError, match="'/nowhere/at/all', which is not a directory here"):
                await load_flow_from_flow_run(client, run)

    async def test_flow_that_cannot_be_imported_is_a_placeholder_unless_refused(self, program: Path):
        program.write_text("import no_such_package\nfrom prefect import flow\n\n@flow\ndef hello():\n    return 1\n")
        async with get_client() as client:
            run = await create_run(client, entrypoint="code/program.py:hello")
            loaded = await load_flow_from_flow_run(client, run, ignore_storage=True, use_placeholder_flow=True)
            assert loaded.name == "hello"
            with pytest.raises(ScriptError):
                await load_flow_from_flow_run(client, run, ignore_storage=True, use_placeholder_flow=False)

    async def test_names_the_deployment_without_an_entrypoint(self):
        async with get_client() as client:
            run = await create_run(client)
            with pytest.raises(MissingFlowError, match="The deployment 'here' names no entrypoint"):
                await load_flow_from_flow_run(client, run)

    async def test_runs_the_pull_steps_and_logs_what_they_print(self, program: Path):
        steps = [
            {"prefect.deployments.steps.run_shell_script": {"script": "echo code", "id": "name"}},
            {"prefect.deployments.steps.set_working_directory": {"directory": "{{ name.stdout }}"}},
        ]
        async with get_client() as client:
            run = await create_run(client, entrypoint="program.py:hello", pull_steps=steps)
            assert (await load_flow_from_flow_run(client, run)).name == "hello"
        assert Path.cwd() == program.parent
        journal.flush()
        async with get_client() as client:
            logs = await client.read_logs(LogFilter(flow_run_id={"any_": [run.id]}))  # pyright: ignore
            assert [log.message for log in logs] == [
                " > Running run_shell_script step...",
                "code",
                " > Running set_working_directory step...",
            ]

    async def test_copies_the_code_from_the_storage_block(self, program: Path):
        block = LocalFileSystem(basepath=str(program.parent))
        block_id = await block.asave("code")
        async with get_client() as client:
            run = await create_run(client, entrypoint="program.py:hello", storage_document_id=block_id)
            assert (await load_flow_from_flow_run(client, run)).name == "hello"
        assert Path.cwd() == program.parent.parent / "local-file-system-code"

    async def test_names_the_pull_step_that_failed(self):
        async with get_client() as client:
            steps = [{"prefect.deployments.steps.set_working_directory": {"directory": "/no/such"}}]
            run = await create_run(client, entrypoint="a.py:a", pull_steps=steps)
            with pytest.raises(StepExecutionError, match="set_working_directory: There is no directory '/no/such'"):
                await load_flow_from_flow_run(client, run)
