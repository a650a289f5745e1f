"""Encryption of the data of blocks, so that the database or a copy of it reveals no secret without the key.

The keys are those of `PREFECT_SERVER_ENCRYPTION_KEY`: Fernet keys with commas between, of which the first encrypts and
all decrypt. If it is not set, a key is generated once: beside a SQLite file, in a file that only its owner can read; in
a PostgreSQL database, where every server finds it. Data that was encrypted before the key was set stays readable.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import orjson

from prefect._lazy import lazy
from prefect.server import store
from prefect.server.db.interface import KEY_FILE, Database, Transaction
from prefect.server.services.core.errors import InvalidRequest
from prefect.server.store import Row
from prefect.types import json_codec, new_id

if TYPE_CHECKING:
    from cryptography import fernet
else:
    fernet = lazy("cryptography.fernet")

KEY_VARIABLE = "PREFECT_SERVER_ENCRYPTION_KEY"

_STORED_KEY = "encryption_key"


class UnreadableData(InvalidRequest):
    """Data was encrypted with a key that is not known."""


async def encrypt(tx: Transaction, data: dict[str, Any]) -> str:
    """Return data as encrypted text."""
    if not _read_configured_keys():
        await _create_key(tx)
    keys = await _load_keys(tx)
    return keys.encrypt(json_codec.dumps(data, option=orjson.OPT_NON_STR_KEYS)).decode()


async def get_decrypter(tx: Transaction) -> Callable[[str, str], dict[str, Any]]:
    """Return a function that decrypts the data of a block, which it names in its error."""
    keys = await _load_keys(tx)
    path = _find_key_file(tx)
    where = f", or restore the file {str(path)!r}" if path else ""

    def decrypt(text: str, name: str) -> dict[str, Any]:
        try:
            return json_codec.loads(keys.decrypt(text))
        except fernet.InvalidToken:
            raise UnreadableData(
                f"The block {name!r} cannot be read: it was encrypted with another key. Add that key to "
                f"{KEY_VARIABLE}, after a comma{where}."
            ) from None

    return decrypt


REENCRYPTION_BATCH_SIZE = 200
"""Blocks that are encrypted anew in one transaction."""


async def reencrypt_all(database: Database) -> tuple[int, list[str]]:
    """Encrypt the data of all blocks with the first key, so that the other keys can be dropped.

    Returns:
        How many were encrypted, and the names of those that no known key decrypts: they stay as they are.
    """
    rows = await database.read(lambda tx: store.block_documents.find(tx, columns=["id"]))
    count = 0
    unreadable: list[str] = []
    for some in store.chunks([row["id"] for row in rows], REENCRYPTION_BATCH_SIZE):
        done, names = await database.write(lambda tx, some=some: _reencrypt(tx, some))
        count += done
        unreadable += names
    return count, sorted(unreadable)


async def _reencrypt(tx: Transaction, ids: Sequence[UUID]) -> tuple[int, list[str]]:
    """Encrypt the data of some blocks with the first key; return how many, and the names of those that cannot be."""
    keys = await _load_keys(tx)
    rows = await store.block_documents.get_many(tx, ids, lock=True, columns=["id", "name", "data"])
    changed: list[Row] = []
    unreadable: list[str] = []
    for row in rows.values():
        try:
            changed.append({"id": row["id"], "data": keys.rotate(row["data"]).decode()})
        except fernet.InvalidToken:
            unreadable.append(row["name"])
    if changed:
        await store.block_documents.change(tx, changed, ["data"])
    return len(changed), unreadable


async def _create_key(tx: Transaction) -> None:
    """Generate the key, unless there is one."""
    key = fernet.Fernet.generate_key().decode()
    path = _find_key_file(tx)
    if path is None:
        await store.meta.add(tx, [{"key": _STORED_KEY, "value": key}])
    elif not path.exists():
        _write_private_file(path, key)


def _write_private_file(path: Path, text: str) -> None:
    """Write a file that only its owner can read, whole or not at all; one that exists stays."""
    new = path.with_name(f".{path.name}.{new_id().hex}")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.link(new, path)  # fails if another process was faster: its key is the one
    except FileExistsError:
        pass
    finally:
        new.unlink()


async def _load_keys(tx: Transaction) -> fernet.MultiFernet:
    """Return the keys: the first encrypts, all decrypt."""
    path = _find_key_file(tx)
    row = await store.meta.get(tx, _STORED_KEY)
    known = [*_read_configured_keys(), _read_key_file(path), row["value"] if row else None]
    try:
        return _build_keys(*filter(None, known))
    except ValueError:
        source = KEY_VARIABLE if _read_configured_keys() else f"The file {str(path)!r}"
        raise InvalidRequest(f"{source} is no Fernet key: it must be 32 bytes as URL-safe base64.") from None


@functools.lru_cache(maxsize=2)
def _build_keys(*keys: str) -> fernet.MultiFernet:
    return fernet.MultiFernet([fernet.Fernet(key) for key in keys] or [_throwaway_key()])


def _read_configured_keys() -> list[str]:
    return [key for part in os.environ.get(KEY_VARIABLE, "").split(",") if (key := part.strip())]


def _find_key_file(tx: Transaction) -> Path | None:
    return tx.memory.get(KEY_FILE)


def _read_key_file(path: Path | None) -> str | None:
    if path is None:
        return None
    try:
        found = os.stat(path)
        return _read_key_text(path, (found.st_ino, found.st_mtime_ns, found.st_size))
    except FileNotFoundError:
        return None


@functools.lru_cache(maxsize=2)
def _read_key_text(path: Path, version: tuple[int, ...]) -> str:  # another version of the file is read anew
    return path.read_text(encoding="ascii").strip()


def _throwaway_key() -> fernet.Fernet:
    return fernet.Fernet(fernet.Fernet.generate_key())
