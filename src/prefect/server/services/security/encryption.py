"""Encrypting what blocks hold, so that who reads the database alone, or a copy of it, learns no secret.

The key is the one in the environment, `PREFECT_SERVER_ENCRYPTION_KEY` (a Fernet key). Without one it is made once and
kept in the database itself, where every server finds it. What was encrypted before a key was given stays readable.
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

if TYPE_CHECKING:
    from cryptography import fernet
else:
    fernet = lazy("cryptography.fernet")

KEY_VARIABLE = "PREFECT_SERVER_ENCRYPTION_KEY"

_KEY = "encryption_key"


async def encrypt(tx: Transaction, data: dict[str, Any]) -> str:
    """Data as a text that says nothing without the key."""
    given = os.environ.get(KEY_VARIABLE)
    if given is None:
        await store.meta.add(tx, [{"key": _KEY, "value": fernet.Fernet.generate_key().decode()}])
    keys = _build_keys(given, await _load_stored_key(tx))
    return keys.encrypt(orjson.dumps(data, option=orjson.OPT_NON_STR_KEYS)).decode()


async def get_decrypter(tx: Transaction) -> Callable[[str], dict[str, Any]]:
    """What turns texts that were encrypted into data again."""
    keys = _build_keys(os.environ.get(KEY_VARIABLE), await _load_stored_key(tx))

    def decrypt(text: str) -> dict[str, Any]:
        try:
            return orjson.loads(keys.decrypt(text))
        except fernet.InvalidToken:
            raise InvalidRequest(
                f"A block cannot be read: it was encrypted with another key. Set {KEY_VARIABLE} to the one of then."
            ) from None

    return decrypt


async def _load_stored_key(tx: Transaction) -> str | None:
    row = await store.meta.get(tx, _KEY)
    return row["value"] if row else None


def _build_keys(given: str | None, kept: str | None) -> fernet.MultiFernet:
    """The key that encrypts, and those that can decrypt."""
    try:
        return fernet.MultiFernet([fernet.Fernet(key) for key in (given, kept) if key] or [_throwaway_key()])
    except ValueError:
        raise InvalidRequest(f"{KEY_VARIABLE} is no Fernet key: it must be 32 bytes as URL-safe base64.") from None


def _throwaway_key() -> fernet.Fernet:
    return fernet.Fernet(fernet.Fernet.generate_key())
