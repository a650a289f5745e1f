"""Options of the functions that make artifacts."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from prefect.artifacts import (
    acreate_image_artifact,
    acreate_progress_artifact,
    acreate_table_artifact,
    aupdate_progress_artifact,
    create_image_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)
from prefect.client.orchestration import get_client

pytestmark = pytest.mark.filterwarnings("ignore:Artifact creation outside of a flow or task run")


def read(artifact_id: UUID) -> Any:
    with get_client(sync_client=True) as client:
        return next(known for known in client.read_artifacts() if known.id == artifact_id)


@pytest.mark.parametrize(
    "create",
    [
        lambda: create_image_artifact("https://example.com/a.png", description="what it shows"),
        lambda: create_table_artifact([{"a": 1}], description="what it shows"),
    ],
)
def test_artifact_has_its_description(create: Callable[[], UUID]) -> None:
    assert read(create()).description == "what it shows"


async def test_artifact_made_asynchronously_has_its_description() -> None:
    image = await acreate_image_artifact("https://example.com/a.png", description="an image")
    table = await acreate_table_artifact([{"a": 1}], description="a table")

    assert (read(image).description, read(table).description) == ("an image", "a table")


class CountingClient:
    """A client that counts the updates made through it."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.updates = 0

    def update_artifact(self, *args: Any, **options: Any) -> Any:
        self.updates += 1
        return self._client.update_artifact(*args, **options)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


async def test_progress_is_updated_through_the_passed_client() -> None:
    artifact_id = await acreate_progress_artifact(10)
    async with get_client() as client:
        counting: Any = CountingClient(client)
        await aupdate_progress_artifact(artifact_id, 60, client=counting)

    assert counting.updates == 1
    assert read(artifact_id).data == 60


def test_progress_is_updated_without_a_client_too() -> None:
    artifact_id = create_progress_artifact(10)

    update_progress_artifact(artifact_id, 60, client=None)

    assert read(artifact_id).data == 60
