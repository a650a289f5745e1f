"""Options of tasks and flows: invalid values raise, and `with_options` keeps the others."""

from typing import Any

import pytest

from prefect import flow, task
from prefect.cache_policies import INPUTS, NO_CACHE, Inputs
from prefect.transactions import transaction


@pytest.mark.parametrize("decorator", [task, flow], ids=["task", "flow"])
@pytest.mark.parametrize("option", ["retries", "retry_delay_seconds", "timeout_seconds"])
def test_option_rejects_negative_numbers(decorator: Any, option: str):
    with pytest.raises(ValueError, match=f"`{option}`.*>= 0, not -1"):
        decorator(**{option: -1})(lambda: 1)


@pytest.mark.parametrize("decorator", [task, flow], ids=["task", "flow"])
@pytest.mark.parametrize("option", ["retries", "retry_delay_seconds"])
def test_option_rejects_text_for_a_number(decorator: Any, option: str):
    with pytest.raises(TypeError, match=f"`{option}`.*must be a number, not '3'"):
        decorator(**{option: "3"})(lambda: 1)


def test_retry_delay_list_is_validated():
    with pytest.raises(ValueError, match="not -2"):
        task(retry_delay_seconds=[1, -2])(lambda: 1)


def test_with_options_keeps_options_set_as_attributes():
    @task
    def work() -> int:
        return 1

    work.retries = 4
    work.name = "renamed"
    work.cache_policy = INPUTS
    other = work.with_options(tags={"a"})
    assert (other.retries, other.name, other.cache_policy, other.tags) == (4, "renamed", INPUTS, {"a"})
    assert other.with_options(retries=0).retries == 0
    assert other.with_options(cache_policy=NO_CACHE).persist_result is None


def test_with_options_keeps_attributes_of_a_flow():
    @flow(version="1")
    def work() -> int:
        return 1

    work.retries = 2
    work.should_validate_parameters = False
    other = work.with_options(name="other")
    assert (other.retries, other.should_validate_parameters, other.version, other.name) == (2, False, "1", "other")


def test_wait_for_accepts_an_iterator():
    done: list[int] = []

    @task
    def first(number: int) -> None:
        done.append(number)

    @task
    def last() -> list[int]:
        return sorted(done)

    @flow
    def program() -> list[int]:
        return last(wait_for=(first.submit(number) for number in range(3)))

    assert program() == [0, 1, 2]


def test_with_options_resets_options_for_none():
    made = task(
        lambda: 1,
        name="made",
        refresh_cache=True,
        retries=2,
        retry_delay_seconds=3,
        retry_jitter_factor=0.5,
        log_prints=True,
        timeout_seconds=5,
        tags={"a"},
    )
    reset = dict.fromkeys(("refresh_cache", "retries", "retry_delay_seconds", "retry_jitter_factor"))
    changed = made.with_options(**reset, log_prints=None, timeout_seconds=None, tags=None, name=None)
    assert (changed.refresh_cache, changed.log_prints, changed.retry_jitter_factor) == (None, None, None)
    assert (changed.retries, changed.retry_delay_seconds) == (0, 0)
    assert (changed.timeout_seconds, changed.tags, changed.name) == (5, {"a"}, "made")  # these are kept
    assert (made.with_options(refresh_cache=False).refresh_cache, made.with_options().refresh_cache) == (False, True)
    assert flow(lambda: 1, name="made", log_prints=True, retries=2).with_options(log_prints=None).log_prints is None


@pytest.mark.parametrize("name", ["v__args", "v__kwargs", "v__duplicate_kwargs"])
def test_name_that_validation_uses_is_refused_for_a_parameter_of_a_flow(name):
    namespace = {}
    exec(f"def program({name}): return {name}", namespace)
    with pytest.raises(ValueError, match=f"'program' is not compatible with `validate_parameters`.*'{name}'"):
        flow(namespace["program"])
    assert flow(namespace["program"], validate_parameters=False)(1) == 1
    assert task(namespace["program"])(1) == 1


@pytest.mark.parametrize("policy", ["INPUTS", Inputs, 5])
def test_cache_policy_that_is_no_policy_is_refused_where_it_is_written(policy: Any):
    with pytest.raises(TypeError, match=r"`cache_policy` of the task 'fn' must be a cache policy"):

        @task(cache_policy=policy)
        def fn() -> None: ...

    with pytest.raises(TypeError, match="cache policy"):
        task(lambda: None).with_options(cache_policy=policy)


def test_retry_message_rounds_the_delay(caplog: pytest.LogCaptureFixture):
    @task(retries=1, retry_delay_seconds=0.012345)
    def fails() -> None:
        raise ValueError

    with pytest.raises(ValueError):
        fails()

    assert "Retry 1/1 will start 0.01 second(s) from now" in caplog.text


def test_hooks_passed_as_options_are_called():
    called: list[str] = []

    @task(on_rollback=[lambda transaction: called.append("rollback")], on_commit=[lambda _: called.append("commit")])
    def fn() -> None: ...

    @flow(on_running=[lambda flow, run, state: called.append(state.name)])
    def main() -> None:
        fn()
        with transaction():
            fn()
            raise ValueError

    with pytest.raises(ValueError):
        main()

    assert called == ["Running", "commit", "rollback"]
