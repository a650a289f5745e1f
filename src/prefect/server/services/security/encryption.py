"""Encryption of the data of blocks, so that the database or a copy of it reveals no secret without the key.

The key is `PREFECT_SERVER_ENCRYPTION_KEY` (a Fernet key). If it is not set, a key is generated once and stored in the
database, where every server finds it. Data that was encrypted before the key was set stays readable.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import orjson

from prefect._lazy import lazy
from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.services.core.errors import InvalidRequest
from prefect.types import json_codec

if TYPE_CHECKING:
    from cryptography import fernet
else:
    fernet = lazy("cryptography.fernet")

KEY_VARIABLE = "PREFECT_SERVER_ENCRYPTION_KEY"

_KEY = "encryption_key"


async def encrypt(tx: Transaction, data: dict[str, Any]) -> str:
    """Return data as encrypted text."""
    key = os.environ.get(KEY_VARIABLE)
    if key is None:
        await store.meta.add(tx, [{"key": _KEY, "value": fernet.Fernet.generate_key().decode()}])
    keys = _build_keys(key, await _load_stored_key(tx))
    return keys.encrypt(json_codec.dumps(data, option=orjson.OPT_NON_STR_KEYS)).decode()


async def get_decrypter(tx: Transaction) -> Callable[[str], dict[str, Any]]:
    """Return a function that decrypts texts."""
    keys = _build_keys(os.environ.get(KEY_VARIABLE), await _load_stored_key(tx))

    def decrypt(text: str) -> dict[str, Any]:
        try:
            return json_codec.loads(keys.decrypt(text))
        except fernet.InvalidToken:
            raise InvalidRequest(
                f"A block cannot be read: it was encrypted with another key. Set {KEY_VARIABLE} to the one of then."
            ) from None

    return decrypt


async def _load_stored_key(tx: Transaction) -> str | None:
    row = await store.meta.get(tx, _KEY)
    return row["value"] if row else None


def _build_keys(configured: str | None, stored: str | None) -> fernet.MultiFernet:
    """Return the keys: the first encrypts, all decrypt."""
    try:
        return fernet.MultiFernet([fernet.Fernet(key) for key in (configured, stored) if key] or [_throwaway_key()])
    except ValueError:
        raise InvalidRequest(f"{KEY_VARIABLE} is no Fernet key: it must be 32 bytes as URL-safe base64.") from None


def _throwaway_key() -> fernet.Fernet:
    return fernet.Fernet(fernet.Fernet.generate_key())
