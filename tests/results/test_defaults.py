"""Defaults of result persistence: taken from the current run, else from the settings, without heavy imports."""

import subprocess
import sys
from types import SimpleNamespace

import pytest

from prefect import context
from prefect.results import (
    ResultStore,
    get_default_persist_setting,
    get_default_persist_setting_for_tasks,
    get_result_store,
    should_persist_result,
)
from prefect.settings import (
    PREFECT_RESULTS_PERSIST_BY_DEFAULT,
    PREFECT_TASKS_DEFAULT_PERSIST_RESULT,
    temporary_settings,
)


@pytest.fixture
def run(monkeypatch):
    """Make a run context with these attributes the current one."""

    def enter(kind, **attributes):
        monkeypatch.setattr(getattr(context, kind), "get", classmethod(lambda cls: SimpleNamespace(**attributes)))

    return enter


@pytest.mark.parametrize("default", [True, False])
def test_persistence_outside_of_a_run_follows_settings(default):
    with temporary_settings({PREFECT_RESULTS_PERSIST_BY_DEFAULT: default}):
        assert should_persist_result() is default is get_default_persist_setting()
        assert get_default_persist_setting_for_tasks() is default
        with temporary_settings({PREFECT_TASKS_DEFAULT_PERSIST_RESULT: not default}):
            assert get_default_persist_setting_for_tasks() is not default
            assert get_default_persist_setting() is default


def test_persistence_follows_the_innermost_run(run):
    run("FlowRunContext", persist_result=True, result_store="the flow's")
    assert should_persist_result() is True and get_result_store() == "the flow's"
    run("TaskRunContext", persist_result=False, result_store="the task's")
    assert should_persist_result() is False and get_result_store() == "the task's"


def test_store_is_new_outside_of_a_run():
    assert isinstance(get_result_store(), ResultStore) and get_result_store() is not get_result_store()


def test_should_persist_result_imports_nothing_heavy():
    program = (
        "import sys, types\n"
        "run = types.SimpleNamespace(persist_result=True)\n"
        "fake = types.ModuleType('prefect.context')\n"
        "fake.TaskRunContext = fake.FlowRunContext = types.SimpleNamespace(get=lambda: run)\n"
        "sys.modules['prefect.context'] = fake\n"
        "from prefect.results import should_persist_result\n"
        "print(should_persist_result(), [m for m in ('pydantic', 'asyncio', 'inspect') if m in sys.modules])\n"
    )
    run = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert run.stdout == "True []\n"
