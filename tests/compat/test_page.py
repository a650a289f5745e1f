"""`docs/compatibility.md` matches the code: its lists are generated, and its statements hold."""

import threading
from collections.abc import Iterator
from contextvars import ContextVar
from datetime import datetime
from pathlib import Path

import httpx
import pytest

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.client.orchestration import get_client
from prefect.exceptions import ParameterBindError, ParameterTypeError, UpstreamTaskError
from prefect.filesystems import LocalFileSystem
from prefect.logging import get_logger
from prefect.schemas.states import InMemory
from prefect.settings import PREFECT_SERVER_DATABASE_CONNECTION_URL, SettingsError, get_current_settings
from prefect.states import Completed
from tests.compat import page


def test_generated_parts_are_up_to_date():
    text = page.PAGE.read_text(encoding="utf-8")
    assert text == page.render(text), "run `python -m tests.compat.page`"


def test_every_difference_is_on_the_page():
    text = page.PAGE.read_text(encoding="utf-8")
    lines = page.sections()["differences"]
    assert len(lines) > 10
    assert all(line in text for line in lines)


@task
def step(x: object = None) -> object:
    return x


@task
def fails() -> None:
    raise ValueError("broke")


def test_invalid_parameter_errors_name_the_parameter():
    @flow
    def typed(n: int) -> None: ...

    with pytest.raises(ParameterTypeError, match=r"n: .*got 'many'"):
        typed("many")  # type: ignore[arg-type]
    with pytest.raises(ParameterBindError, match=r"\(n: int\)"):
        typed()  # type: ignore[call-arg]


def test_invalid_setting_errors_name_the_setting(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PREFECT_TASKS_DEFAULT_RETRIES", "many")
    with pytest.raises(SettingsError, match="PREFECT_TASKS_DEFAULT_RETRIES is 'many'"):
        get_current_settings().tasks.default_retries
    assert issubclass(SettingsError, ValueError)


@pytest.mark.parametrize(("options", "calls"), [({}, 1), ({"cache_policy": NO_CACHE}, 2), ({"refresh_cache": True}, 2)])
def test_flow_retry_keeps_completed_tasks(options: dict[str, object], calls: int):
    called: list[int] = []

    @task(**options)  # type: ignore[call-overload]
    def count() -> None:
        called.append(1)

    @flow(retries=1)
    def twice(tries: list[int]) -> None:
        count()
        tries.append(1)
        if len(tries) == 1:
            raise ConnectionError("the first try")

    twice.with_options(validate_parameters=False)([])
    assert len(called) == calls


def test_submit_and_map_work_outside_of_flows():
    assert step.submit(1).result() == 1
    assert step.map([1, 2]).result() == [1, 2]


@pytest.mark.parametrize("kind", [task, flow])
def test_timeout_runs_function_in_separate_thread(kind: type):
    variable = ContextVar("variable", default="unset")
    variable.set("the caller's")

    @kind(timeout_seconds=30)
    def limited() -> tuple[bool, str]:
        return threading.current_thread() is threading.main_thread(), variable.get()

    assert limited() == (False, "the caller's")


@pytest.mark.parametrize("kind", [task, flow])
def test_generators_support_send(kind: type):
    @kind
    def echo() -> Iterator[object]:
        try:
            yield (yield "first")
        except KeyError:
            yield "caught"

    sent = echo()
    assert (next(sent), sent.send("sent")) == ("first", "sent")
    sent.close()
    thrown = echo()
    assert (next(thrown), thrown.throw(KeyError())) == ("first", "caught")
    thrown.close()


def test_direct_call_with_failed_upstream_raises():
    @flow
    def program() -> str:
        with pytest.raises(UpstreamTaskError):
            step(fails.submit())
        waiting = step.submit(fails.submit())
        waiting.wait()
        return waiting.state.name

    assert program() == "NotReady"


def test_unsaved_block_can_be_result_storage(tmp_path: Path):
    kept = step.with_options(result_storage=LocalFileSystem(basepath=tmp_path / "kept"))
    assert kept("value") == "value"
    assert len(list((tmp_path / "kept").iterdir())) == 1


def test_types_of_data_times_ids_loggers_and_database(home: Path):
    state = step(3, return_state=True)
    assert isinstance(state.data, InMemory)
    assert state.result() == 3
    assert type(Completed().timestamp) is datetime
    assert state.id.version == state.state_details.task_run_id.version == 7
    assert get_logger("prefect").name == "prefect"
    assert str(PREFECT_SERVER_DATABASE_CONNECTION_URL.value()).endswith(f"{home}/pluperfect.db")


def test_configured_server_is_contacted(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    with pytest.raises(httpx.ConnectError, match="PREFECT_API_URL"):
        flow(lambda: step(1))()
    with pytest.raises(httpx.ConnectError, match="PREFECT_API_URL"):
        get_client(sync_client=True).read_flow_runs()
