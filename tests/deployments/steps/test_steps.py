"""Steps: running them, their inputs and outputs, and those that come with the package."""

import asyncio
import os
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from prefect import variables
from prefect._io import drive
from prefect.blocks.system import Secret
from prefect.deployments.steps import git_clone, packages, pull, run_step
from prefect.deployments.steps.core import StepExecutionError, run_steps
from prefect.filesystems import LocalFileSystem
from tests.git_server import PASSWORD, GitServer

SHELL = "prefect.deployments.steps.run_shell_script"
CHANGE_DIRECTORY = "prefect.deployments.steps.set_working_directory"
CLONE = "prefect.deployments.steps.git_clone"


def run(*steps: dict[str, Any], **options: Any) -> dict[str, Any]:
    return asyncio.run(run_steps(list(steps), **options))


@pytest.fixture
def own_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A module `own_steps` with steps of the user's."""
    source = """
        import asyncio

        def echo(**inputs):
            return inputs

        async def later(value):
            await asyncio.sleep(0)
            return {"later": value}

        def number():
            return 7

        def fail():
            raise RuntimeError("no luck")
    """
    (tmp_path / "own_steps.py").write_text(textwrap.dedent(source))
    monkeypatch.syspath_prepend(tmp_path)
    yield
    sys.modules.pop("own_steps", None)


@pytest.mark.usefixtures("own_steps")
class TestRunSteps:
    def test_outputs_are_found_by_name_and_by_id(self):
        outputs = run(
            {"own_steps.echo": {"id": "first", "x": {"y": [1, 2]}}},
            {
                "own_steps.echo": {
                    "whole": "{{ first.x }}",
                    "part": "a{{ x.y[1] }}b",
                    "none": "{{ missing }}",
                    "e": "<{{ no }}>",
                }
            },
        )
        assert (outputs["whole"], outputs["part"], outputs["e"]) == ({"y": [1, 2]}, "a2b", "<>")
        assert "none" not in outputs

    def test_inputs_are_filled_from_blocks_variables_and_the_environment(self, monkeypatch: pytest.MonkeyPatch):
        Secret(value={"user": "ann"}).save("login")
        variables.Variable.set("region", "eu")
        monkeypatch.setenv("STAGE", "test")
        outputs = run(
            {
                "own_steps.echo": {
                    "user": "{{ prefect.blocks.secret.login.value.user }}",
                    "login": "{{ prefect.blocks.secret.login }}",
                    "region": "in-{{ prefect.variables.region }}",
                    "stage": "{{ $STAGE }}",
                }
            }
        )
        assert outputs == {"user": "ann", "login": {"user": "ann"}, "region": "in-eu", "stage": "test"}

    @pytest.mark.parametrize("runner", [asyncio.run, drive])
    def test_async_and_sync_steps_run_with_and_without_an_event_loop(self, runner):
        steps = [{"own_steps.later": {"value": 1}}, {SHELL: {"script": "echo {{ later }}"}}]
        assert runner(run_steps(steps))["stdout"] == "1"

    def test_steps_are_announced(self):
        printed: list[str] = []
        run({}, {"own_steps.number": None}, {"own_steps.echo": {}}, print_function=printed.append)
        assert printed == [" > Running number step...", " > Running echo step..."]

    def test_output_that_is_no_dict_causes_a_warning(self, caplog: pytest.LogCaptureFixture):
        assert run({"own_steps.number": {"id": "n"}}) == {"n": {}}
        assert "own_steps.number returned no dict" in caplog.text

    @pytest.mark.parametrize(
        ("step", "message"),
        [
            ({"own_steps.fail": {}}, "own_steps.fail: no luck"),
            ({"own_steps.gone": {}}, "has no attribute 'gone'"),
            ({"no_such_package.f": {}}, "No module named 'no_such_package'"),
            ({"nodots": {}}, "The step 'nodots' is not a function: write its module too"),
            ({"own_steps.echo": {}, "b.c": {}}, "unexpected additional keys: b.c"),
            ({"own_steps.echo": "text"}, "are not a mapping"),
            ({CHANGE_DIRECTORY: {"direct": "x"}}, "unexpected keyword argument 'direct'"),
            ({CHANGE_DIRECTORY: {"directory": "/no/such"}}, "There is no directory '/no/such' on this machine"),
            ({"own_steps.echo": {"x": "{{ prefect.blocks.secret.gone }}"}}, "There is no block secret/gone"),
        ],
    )
    def test_failure_names_the_step_and_the_reason(self, step: dict[str, Any], message: str):
        with pytest.raises(StepExecutionError, match=message):
            run(step)

    def test_missing_package_is_installed(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        commands: list[list[str]] = []

        def install(arguments: list[str]) -> None:
            commands.append(arguments)
            (tmp_path / "fresh_package.py").write_text("def step(): return {'fresh': True}")

        monkeypatch.setattr(packages, "install", install)
        step = {"fresh_package.step": {"requires": ["fresh-package>=1.0", "pytest"]}}
        assert run(step)["fresh"] is True
        assert commands == [["fresh-package>=1.0"]]
        sys.modules.pop("fresh_package", None)

    def test_integration_that_would_overwrite_this_package_is_not_installed(self):
        with pytest.raises(StepExecutionError, match="would overwrite this one"):
            run({"prefect_gcp.deployments.steps.push_to_gcs": {"requires": "prefect-gcp>=0.6"}})


class TestShellScript:
    def test_lines_are_programs_without_a_shell(self, capfd: pytest.CaptureFixture[str]):
        outputs = run({SHELL: {"script": "echo $X | cat\n\necho 'a  b'", "env": {"X": 1}}})
        assert outputs == {"stdout": "$X | cat\na  b", "stderr": ""}
        assert "a  b" in capfd.readouterr().out

    def test_environment_is_filled_in_when_requested(self):
        outputs = run(
            {SHELL: {"script": "echo $X ${Y} $UNSET_NAME", "env": {"X": "1", "Y": "2"}, "expand_env_vars": True}}
        )
        assert outputs["stdout"] == "1 2 $UNSET_NAME"

    def test_shell_runs_the_whole_script_to_the_first_failure(self):
        script = "for i in 1 2; do\n  echo $i$X\ndone | cat\nfalse\necho never"
        with pytest.raises(StepExecutionError, match="failed with error code 1"):
            run({SHELL: {"script": script, "shell": True, "env": {"X": "x"}}})
        assert run({SHELL: {"script": script.split("\nfalse")[0], "shell": True}})["stdout"] == "1\n2"

    def test_output_is_logged_when_there_is_a_logger(self, capfd: pytest.CaptureFixture[str]):
        class Logger:
            lines: list[str] = []
            info = lines.append

        run({SHELL: {"script": "echo hello"}}, logger=Logger)
        assert Logger.lines == ["hello"]
        assert "hello" not in capfd.readouterr().out

    def test_directory_is_the_working_directory(self, tmp_path: Path):
        (tmp_path / "sub").mkdir()
        assert run({SHELL: {"script": "pwd", "directory": "sub"}})["stdout"] == str(tmp_path / "sub")

    @pytest.mark.parametrize(
        ("inputs", "message"),
        [
            ({"script": "ls /no-such-file"}, "error code 2: ls: cannot access"),
            ({"script": "no-such-program x"}, "No such file or directory: 'no-such-program'"),
            ({"script": "pwd", "directory": "/no-such"}, "No such file or directory: '/no-such'"),
        ],
    )
    def test_failure_reports_the_reason(self, inputs: dict[str, Any], message: str):
        with pytest.raises(StepExecutionError, match=message):
            run({SHELL: inputs})


class TestPipInstallRequirements:
    def test_missing_file_is_an_error(self):
        with pytest.raises(StepExecutionError, match=r"could not be installed, exit code .*(?s:.*)nope\.txt"):
            run({"prefect.deployments.steps.pip_install_requirements": {"requirements_file": "nope.txt"}})

    def test_satisfied_requirements_install_nothing(self, tmp_path: Path):
        (tmp_path / "requirements.txt").write_text("click\n")
        outputs = run({"prefect.deployments.steps.pip_install_requirements": {"stream_output": False}})
        assert set(outputs) == {"stdout", "stderr"}


class TestPull:
    @pytest.fixture
    def server(self, tmp_path: Path) -> Iterator[GitServer]:
        (tmp_path / "git").mkdir()
        server = GitServer(tmp_path / "git")
        yield server
        server.close()

    def test_private_repository_is_cloned_with_a_secret(self, server: GitServer, tmp_path: Path):
        server.create("private", {"flow.py": "1"})
        Secret(value=PASSWORD).save("token")
        outputs = run(
            {
                CLONE: {
                    "repository": server.url("private"),
                    "access_token": "{{ prefect.blocks.secret.token }}",
                    "id": "c",
                }
            },
            {CHANGE_DIRECTORY: {"directory": "{{ c.directory }}"}},
        )
        assert (outputs["directory"], Path.cwd()) == ("private", tmp_path / "private")

    def test_clone_is_tried_again(self, server: GitServer, monkeypatch: pytest.MonkeyPatch, caplog):
        monkeypatch.setattr(pull, "FIRST_RETRY_DELAY_SECONDS", 0.0)
        server.create("code", {"flow.py": "1"})
        server.failures = 2
        assert run({CLONE: {"repository": server.url("code")}}) == {"directory": "code"}
        assert caplog.text.count("will be cloned again") == 2
        server.failures = 99
        with pytest.raises(StepExecutionError, match="error: 503"):
            run({CLONE: {"repository": server.url("code"), "clone_directory_name": "again"}})

    def test_git_clone_is_sync_and_async(self, server: GitServer):
        server.create("code", {"flow.py": "1"})
        assert git_clone(server.url("code")) == {"directory": "code"}

        async def clone() -> Any:
            return await git_clone(server.url("code"), clone_directory_name="other")  # pyright: ignore

        assert asyncio.run(clone()) == {"directory": "other"}

    def test_token_and_credentials_exclude_each_other(self):
        with pytest.raises(StepExecutionError, match="either an access token or credentials but not both"):
            run({CLONE: {"repository": "https://h/x.git", "access_token": "x", "credentials": {"token": "y"}}})

    def test_block_is_copied(self, tmp_path: Path):
        (tmp_path / "source").mkdir()
        (tmp_path / "source/flow.py").write_text("1")
        LocalFileSystem(basepath=str(tmp_path / "source")).save("code")
        inputs = {"block_type_slug": "local-file-system", "block_document_name": "code"}
        outputs = run({"prefect.deployments.steps.pull_with_block": inputs})
        assert Path(outputs["directory"], "flow.py").read_text() == "1"

    def test_missing_block_is_named(self):
        inputs = {"block_type_slug": "local-file-system", "block_document_name": "gone"}
        with pytest.raises(StepExecutionError, match="Unable to load block 'local-file-system/gone'"):
            run({"prefect.deployments.steps.pull_with_block": inputs})


def test_run_step_runs_one(tmp_path: Path):
    (tmp_path / "here").mkdir()
    assert asyncio.run(run_step({CHANGE_DIRECTORY: {"directory": "{{ d }}"}}, {"d": "here"})) == {"directory": "here"}
    assert os.getcwd() == str(tmp_path / "here")
