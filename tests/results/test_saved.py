"""The server's default storage of results."""

from uuid import uuid4

import pytest

from prefect.client.orchestration import get_client
from prefect.filesystems import LocalFileSystem
from prefect.results import get_default_result_storage, saved
from prefect.settings import PREFECT_API_URL, PREFECT_RESULTS_DEFAULT_STORAGE_BLOCK, temporary_settings


@pytest.fixture
def answered(monkeypatch, tmp_path):
    """A server that names a saved block as the default storage, and counts how often it is asked."""
    block_id = LocalFileSystem(basepath=str(tmp_path / "shared")).save("shared")
    requested = []

    class Client:
        async def __aenter__(self):
            return self

        async def __aexit__(self, *_):
            return None

        async def read_server_default_result_storage(self):
            requested.append(1)
            answer = answers.pop() if answers else block_id
            if isinstance(answer, Exception):
                raise answer
            return type("Answer", (), {"default_result_storage_block_id": answer})

    answers = []
    block = LocalFileSystem.load("shared")
    monkeypatch.setattr(saved, "orchestration", type("Module", (), {"get_client": Client}))

    async def load_by_id(found):
        assert found == block_id
        return block

    monkeypatch.setattr(saved, "load_by_id", load_by_id)
    monkeypatch.setattr(saved, "_cache", {})
    return requested, answers


def test_server_names_the_default_storage_and_is_requested_once(answered, tmp_path):
    requested, _ = answered
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:1/api"}):
        assert get_default_result_storage().basepath == str(tmp_path / "shared")
        assert get_default_result_storage().basepath == str(tmp_path / "shared")
    assert len(requested) == 1


def test_setting_goes_before_the_server(answered, tmp_path):
    with temporary_settings(
        {PREFECT_API_URL: "http://127.0.0.1:1/api", PREFECT_RESULTS_DEFAULT_STORAGE_BLOCK: f"{tmp_path}/mine"}
    ):
        assert get_default_result_storage().basepath == f"{tmp_path}/mine"
    assert not answered[0]


@pytest.mark.parametrize("answer", [None, RuntimeError("no such operation")])
def test_local_directory_is_the_last_resort(answer, answered):
    answered[1].append(answer)
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:1/api"}):
        assert get_default_result_storage().basepath.endswith("storage")


def test_without_a_server_nothing_is_requested(answered):
    assert get_default_result_storage().basepath.endswith("storage") and not answered[0]


def test_block_that_is_gone_is_one_clear_error():
    with get_client(sync_client=True), pytest.raises(ValueError, match="no block with the id"):
        from prefect.results import resolve_result_storage

        resolve_result_storage(uuid4())
