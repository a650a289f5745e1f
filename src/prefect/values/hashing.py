"""Hashes that are equal in every process: of text, of files, of values that JSON or pickle can serialize.

The hash of values equals that of Prefect 3, so that its caches stay valid. A value that cannot be serialized has no
hash: a wrong hash would be a wrong cache hit.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from prefect._lazy import lazy_modules
from prefect.exceptions import HashError

if TYPE_CHECKING:
    import cloudpickle
    import pydantic_core
else:
    cloudpickle, pydantic_core = lazy_modules("cloudpickle", "pydantic_core")

# Some builds of OpenSSL refuse MD5 unless it is declared as not for security.
_md5 = partial(hashlib.md5, usedforsecurity=False)


def stable_hash(*args: str | bytes, hash_algo: Callable[..., Any] = _md5) -> str:
    """Return the hash of some text, as hexadecimal digits.

    Args:
        hash_algo: One of `hashlib`'s constructors.
    """
    digest = hash_algo()
    for part in args:
        digest.update(part.encode() if isinstance(part, str) else part)
    return digest.hexdigest()


def file_hash(path: str, hash_algo: Callable[..., Any] = _md5) -> str:
    """Return the hash of a file's bytes, as hexadecimal digits."""
    digest = hash_algo()
    with open(path, "rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def hash_objects(
    *args: Any, hash_algo: Callable[..., Any] = _md5, raise_on_failure: bool = False, **kwargs: Any
) -> str | None:
    """Return the hash of values: of their JSON, or, if JSON cannot represent them, of their pickle.

    Args:
        hash_algo: One of `hashlib`'s constructors.
        raise_on_failure: Raise an error instead of returning None if neither is possible.

    Raises:
        HashError: Neither is possible, and `raise_on_failure` is set.
    """
    # A user's type may raise anything while it is serialized: then there is no hash.
    try:
        return stable_hash(_to_json((args, kwargs)), hash_algo=hash_algo)
    except Exception as error:
        json_error = error
    try:
        return stable_hash(cloudpickle.dumps((args, kwargs)), hash_algo=hash_algo)
    except Exception as error:
        if not raise_on_failure:
            return None
        raise HashError(
            "These values have no stable hash, because they can be serialized neither as JSON "
            f"({_first_line(json_error)}) nor as a pickle ({_first_line(error)})."
        ) from error


def hash_json(*args: Any, hash_algo: Callable[..., Any] = _md5) -> str:
    """Return the hash of JSON values, as `hash_objects` has it unless one of them looks like a hidden secret."""
    return stable_hash(_dump((args, {})), hash_algo=hash_algo)


def _dump(values: Any) -> str:
    return json.dumps(values, sort_keys=True, default=_as_json)


def _to_json(values: Any) -> str:
    text = _dump(values)
    if _HIDDEN in text:
        raise ValueError("Secrets are not compared: all of them look the same in JSON.")
    return text


_HIDDEN = '"**********"'


def _as_json(value: Any) -> dict[str, Any]:
    kind = type(value)
    data = pydantic_core.to_jsonable_python(value)
    if isinstance(value, (set, frozenset)):
        data = sorted(data, key=_sort_key)  # a set of strings has another order in each process
    return {"__class__": f"{kind.__module__}.{kind.__qualname__}", "data": data}


def _sort_key(value: Any) -> tuple[bool, Any]:
    # Numbers by size, as small sets of them are in order anyway; everything else by its text.
    if isinstance(value, (int, float)):
        return False, value
    return True, json.dumps(value, sort_keys=True)


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
