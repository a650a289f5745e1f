"""The user's functions that the engine calls beside the body may run event loops of their own."""

import asyncio
from typing import Any

from prefect import flow, task
from prefect._io import is_driven, twin
from prefect.client.orchestration import get_client
from prefect.serializers import Serializer


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


def test_serializer_may_run_a_loop():
    modes: list[bool] = []

    class LoopSerializer(Serializer):
        type: str = "loop"

        def dumps(self, obj: Any) -> bytes:
            modes.append(is_driven())
            return str(asyncio.run(_ask())).encode()

        def loads(self, blob: bytes) -> Any:
            modes.append(is_driven())
            return int(blob) + asyncio.run(_ask())

    @task(result_serializer=LoopSerializer(), persist_result=True)
    def work() -> int:
        return 1

    @flow(result_serializer=LoopSerializer(), persist_result=True)
    def program() -> int:
        return work()

    assert program() == 1
    assert modes == [False] * 2
    with get_client(sync_client=True) as client:
        (run,) = client.read_flow_runs()
    assert run.state is not None and run.state.result() == 84
    assert modes == [False] * 3
