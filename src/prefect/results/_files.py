"""Read and write through any file system, built in or a user's, with sync or async methods.

Our own file systems are driven like everything else. A user's `read_path` may be a coroutine function or a plain one;
a plain one may block, so it runs beside the event loop.
"""

from __future__ import annotations

import inspect
from typing import Any

from prefect._io import blocking, call_user, twin, user_code
from prefect.exceptions import MissingResult


class ResultNotFound(MissingResult, ValueError):
    """The file of the result does not exist. It is a ValueError too, which existing programs catch."""


async def read_file(storage: Any, path: str, key: str) -> bytes:
    """Return the content of a file.

    Raises:
        MissingResult: It cannot be read; the message names the key and the path.
    """
    try:
        content = await _call(storage, "read_path", path)
        if content is None:  # what a storage may return for a path that is not there
            raise FileNotFoundError("there is nothing under this path")
        return content
    except Exception as error:  # each storage raises its own exception for a missing file
        where = "" if path == key else f" at {path}"
        raise ResultNotFound(f"The result with key {key!r}{where} cannot be read from its storage: {error}") from error


async def write_file(storage: Any, path: str, content: bytes) -> None:
    """Write a file."""
    await _call(storage, "write_path", path, content)


async def _call(storage: Any, name: str, *args: Any) -> Any:
    method = getattr(type(storage), name)
    if isinstance(method, twin):
        if getattr(type(storage), f"a{name}", None) is method.aio:
            return await method.aio(storage, *args)
        return await call_user(getattr(storage, f"a{name}"), *args)
    bound = getattr(storage, name)
    if inspect.iscoroutinefunction(bound):
        return await call_user(bound, *args)
    outcome = await blocking(_call_undriven, bound, *args)
    if inspect.isawaitable(outcome):
        return await call_user(lambda: outcome)
    return outcome


def _call_undriven(method: Any, *args: Any) -> Any:
    """Call a user's method, which may run an event loop."""
    with user_code():
        return method(*args)
