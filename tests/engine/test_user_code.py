"""The user's functions that the engine calls beside the body may run event loops of their own."""

import asyncio

from prefect import flow, task
from prefect._io import is_driven, twin


async def _answer() -> int:
    return 42


answer = twin(_answer)


async def _ask() -> int:
    return await answer.aio()


def test_key_function_and_run_name_may_run_a_loop():
    answers: list[int] = []

    def key(context: object, parameters: dict[str, object]) -> None:
        assert not is_driven()
        answers.append(asyncio.run(_ask()))

    def name() -> str:
        return f"run-{asyncio.run(_ask())}"

    @task(cache_key_fn=key, task_run_name=name)
    def work() -> int:
        return 1

    @flow(flow_run_name=name)
    def program() -> int:
        return work()

    assert program() == 1
    assert answers == [42]
