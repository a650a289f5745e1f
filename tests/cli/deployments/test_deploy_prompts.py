"""The questions of `prefect deploy`, and `prefect init`."""

import os
import textwrap
from pathlib import Path

import pytest

from prefect.client.orchestration import SyncPrefectClient
from tests.cli.conftest import Prefect, Run

pytestmark = pytest.mark.usefixtures("program")


@pytest.fixture
def client(client_with_pool: SyncPrefectClient) -> SyncPrefectClient:
    return client_with_pool


class TestPrompts:
    def answer(self, monkeypatch: pytest.MonkeyPatch, *answers: str) -> None:
        replies = iter(answers)
        monkeypatch.setattr("click.termui.visible_prompt_func", lambda text="": next(replies))
        monkeypatch.setattr("builtins.input", lambda text="": next(replies))

    def test_asks_and_saves(self, run: Run, client: SyncPrefectClient, monkeypatch: pytest.MonkeyPatch):
        Path("prefect.yaml").write_text(
            "# mine\nname: p  # project\npull: []\ndeployments:\n"
            "  - name: a # keep\n    entrypoint: flows.py:other\n  - {name: b}\n"
        )
        self.answer(monkeypatch, "3", "9", "1", "nightly", "1", "y", "1", "nope", "0 3 * * *", "Mars", "UTC", "n", "y")
        outcome = run("--prompt", "deploy")
        assert outcome.code == 0, outcome.err
        print(outcome)
        found = client.read_deployment_by_name("hello/nightly")
        assert (found.work_pool_name, found.schedules[0].schedule.cron) == ("pool", "0 3 * * *")  # pyright: ignore
        assert Path("prefect.yaml").read_text() == textwrap.dedent("""\
            # mine
            name: p  # project
            pull: []
            deployments:
              - name: a # keep
                entrypoint: flows.py:other
              - {name: b}
              - name: nightly
                entrypoint: flows.py:hello
                work_pool:
                  name: pool
                schedules:
                  - cron: 0 3 * * *
                    timezone: UTC
        """)
        assert run("deploy", "-n", "nightly", "--plan").code == 0

    def test_new_work_pool_is_created(self, run: Run, client: SyncPrefectClient, monkeypatch: pytest.MonkeyPatch):
        self.answer(monkeypatch, "1", "mine", "2", "fresh", "n", "n")
        assert run("--prompt", "deploy").code == 0
        assert client.read_deployment_by_name("hello/mine").work_pool_name == "fresh"
        assert not Path("prefect.yaml").exists()


class TestInit:
    def test_project_has_a_file_to_deploy_from(self, run: Run, client: SyncPrefectClient):
        assert run("init").code == 0
        assert {".prefectignore", "prefect.yaml"} <= set(os.listdir())
        assert run("deploy", "flows.py:hello", "-n", "one", "-p", "pool").code == 0
        assert "nothing was written" in run("init").out

    def test_recipe_is_filled_in(self, run: Run):
        assert run("init", "--recipe", "docker-git", "-f", "image_name=me/img", "-f", "tag=v1", "--name", "p").code == 0
        text = Path("prefect.yaml").read_text()
        for part in ("name: p", "image_name: me/img", "tag: v1", "git_clone", "{{ build_image.image }}"):
            assert part in text

    @pytest.mark.parametrize(
        ("arguments", "error"),
        [
            (["--recipe", "nope"], "There is no recipe 'nope'. There is: local,"),
            (["--recipe", "s3"], "The recipe 's3' needs more: pass --field bucket=..."),
            (["--field", "x"], "--field expects NAME=VALUE"),
        ],
    )
    def test_wrong_arguments_write_nothing(self, prefect: Prefect, arguments: list[str], error: str):
        prefect("init", *arguments, code=1, error=error)
        assert not Path("prefect.yaml").exists()
