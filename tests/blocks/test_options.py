"""Options of saving blocks, and of the file systems that are blocks."""

from typing import Any

from prefect import get_client
from prefect.blocks.system import Secret
from prefect.filesystems import RemoteFileSystem


async def test_block_is_saved_through_the_passed_client() -> None:
    created: list[str] = []
    async with get_client() as client:
        create = client.create_block_document

        async def note(document: Any, *args: Any, **options: Any) -> Any:
            created.append(document.name)
            return await create(document, *args, **options)

        client.create_block_document = note
        await Secret(value="a").asave("one", client=client)
        await Secret(value="b").save("two", client=client)

    assert created == ["one", "two"]
    assert (await Secret.aload("two")).get() == "b"


def test_remote_file_system_passes_its_settings_on() -> None:
    storage = RemoteFileSystem(basepath="memory://a-bucket", settings={"use_listings_cache": False})

    assert storage.filesystem.storage_options == {"use_listings_cache": False}
