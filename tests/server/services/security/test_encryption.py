"""The file of the key that encrypts blocks."""

import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet

from prefect.server.db.interface import KEY_FILE, Transaction
from prefect.server.db.sqlite.database import SqliteDatabase
from prefect.server.services.security import encryption


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[SqliteDatabase]:
    database = SqliteDatabase(tmp_path / "prefect.db")
    await database.open()
    yield database
    await database.close()


def test_processes_that_create_the_key_concurrently_share_one(tmp_path):
    path = tmp_path / "encryption.key"
    together = threading.Barrier(8)

    def create(key: str) -> None:
        together.wait()
        encryption._write_private_file(path, key)

    threads = [threading.Thread(target=create, args=(f"key {number}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert path.read_text() in {f"key {number}" for number in range(8)}
    assert [each.name for each in tmp_path.iterdir()] == ["encryption.key"]


async def test_key_file_that_is_replaced_is_read_again(database: SqliteDatabase, tmp_path: Path) -> None:
    text = await database.write(lambda tx: encryption.encrypt(tx, {"a": 1}))
    path = Path(str(database.memory[KEY_FILE]))
    other = tmp_path / "other"
    other.write_text(Fernet.generate_key().decode())
    kept = path.rename(tmp_path / "kept")
    other.rename(path)
    with pytest.raises(encryption.UnreadableData, match="encrypted with another key"):
        await database.read(lambda tx: decrypt(tx, text))
    kept.rename(path)
    assert await database.read(lambda tx: decrypt(tx, text)) == {"a": 1}


async def decrypt(tx: Transaction, text: str) -> dict[str, Any]:
    return (await encryption.get_decrypter(tx))(text, "a block")
