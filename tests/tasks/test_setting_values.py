"""Settings for tasks that do not say: caching and persisting."""

from __future__ import annotations

from typing import Any

import pytest

from prefect import flow, task
from prefect.cache_policies import INPUTS
from prefect.results import ResultRecord
from prefect.settings import PREFECT_TASKS_DEFAULT_NO_CACHE as NO_CACHE
from prefect.settings import PREFECT_TASKS_DEFAULT_PERSIST_RESULT as PERSIST
from prefect.settings import PREFECT_TASKS_DISABLE_CACHING as DISABLE
from prefect.settings import temporary_settings

OPTIONS: dict[str, dict[str, Any]] = {
    "plain": {"persist_result": True},
    "policy": {"cache_policy": INPUTS},
    "key function": {"cache_key_fn": lambda context, parameters: "key"},
    "storage key": {"result_storage_key": "key"},
}


def run_twice(options: dict[str, Any]) -> str | None:
    @task(**options)
    def same(number: int) -> int:
        return number

    @flow
    def main() -> str | None:
        same(1)
        return same(1, return_state=True).name

    return main()


@pytest.mark.parametrize("options", OPTIONS)
def test_disabled_caching_runs_every_task(options: str) -> None:
    with temporary_settings({DISABLE: True}):
        assert run_twice(OPTIONS[options]) == "Completed"
    assert run_twice(OPTIONS[options]) == "Cached"


@pytest.mark.parametrize(
    ("options", "name"),
    [("plain", "Completed"), ("storage key", "Completed"), ("policy", "Cached"), ("key function", "Cached")],
)
def test_no_cache_by_default_runs_tasks_without_caching_of_their_own(options: str, name: str) -> None:
    with temporary_settings({NO_CACHE: True}):
        assert run_twice(OPTIONS[options]) == name


@pytest.mark.parametrize("setting", [DISABLE, NO_CACHE])
def test_flow_retry_repeats_tasks_without_caching(setting: Any) -> None:
    calls: list[int] = []

    @task
    def counted() -> None:
        calls.append(1)

    @flow(retries=1)
    def main() -> None:
        counted()
        if len(calls) == 1:
            raise ValueError

    with temporary_settings({setting: True}):
        main()

    assert len(calls) == 2


@pytest.mark.parametrize("by_setting", [True, False])
@pytest.mark.parametrize("of_flow", [True, False, None])
def test_default_of_tasks_goes_before_what_the_flow_persists(by_setting: bool, of_flow: bool | None) -> None:
    @task
    def same() -> int:
        return 1

    @flow(persist_result=of_flow)
    def main() -> bool:
        return isinstance(same(return_state=True).data, ResultRecord)

    with temporary_settings({PERSIST: by_setting}):
        assert main() is by_setting
        assert isinstance(same(return_state=True).data, ResultRecord) is by_setting


def test_option_of_a_task_goes_before_the_default() -> None:
    with temporary_settings({PERSIST: True}):
        state = task(lambda: 1, persist_result=False)(return_state=True)

    assert not isinstance(state.data, ResultRecord)
