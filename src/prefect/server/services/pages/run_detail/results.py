"""A preview of the result of a run, where the server has it or it is kept on the server's machine.

A pickle is read without importing anything, so that it cannot run code: what needs a class of the user's is left to the
user's program.
"""

from __future__ import annotations

import base64
import binascii
import io
import pickle
from collections import OrderedDict
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson

from prefect.server.db.interface import Transaction
from prefect.server.services.core import reading
from prefect.server.services.pages.core.shapes import ResultPreview
from prefect.server.store import Row
from prefect.settings import get_current_settings
from prefect.types import json_codec

MAX_FILE_BYTES = 1_000_000
"""The largest file that is read for a look at it."""

MAX_VALUES = 1000
MAX_TEXT = 2000
"""The most values of a result that are shown, and the most characters of a text."""


class _NeedsClass(Exception):
    """A pickle needs a class of the user's."""


# Without what can be called with a range: a few bytes could ask for a set of a billion numbers.
_HARMLESS = {
    ("builtins", "complex"): complex,
    ("builtins", "range"): range,
    ("collections", "OrderedDict"): OrderedDict,
    ("datetime", "date"): date,
    ("datetime", "datetime"): datetime,
    ("datetime", "timedelta"): timedelta,
    ("datetime", "timezone"): timezone,
    ("decimal", "Decimal"): Decimal,
    ("uuid", "UUID"): UUID,
}


class _PlainUnpickler(pickle.Unpickler):
    """Reads pickles of plain values only."""

    def find_class(self, module_name: str, global_name: str) -> Any:
        found = _HARMLESS.get((module_name, global_name))
        if found is None:
            raise _NeedsClass(f"{module_name}.{global_name}")
        return found


async def preview_result(tx: Transaction, collection: Any, id_: UUID) -> ResultPreview:
    """Return a look at the result of a flow run or a task run, or why there is none; raise `NotFound`."""
    row = await reading.get_row(tx, collection, id_)
    kept = row["states"][-1].get("data") if row["states"] else None
    inline = row["result"]
    if inline is not None and row["states"] and inline["state"] == row["states"][-1]["id"]:
        return _preview_inline(inline)
    if isinstance(kept, dict) and "storage_key" in kept:
        if kept.get("storage_block_id"):
            return _build_empty_preview("It is kept in a block's storage, which the server does not read.")
        return _preview_file(kept["storage_key"])
    if kept is not None:
        return _build_preview(kept, len(json_codec.dumps(kept)))
    return _build_empty_preview("It was not kept.")


def has_inline_result(row: Row) -> bool:
    """Return whether the value of a run's last state is recorded with it."""
    return row["result"] is not None and bool(row["states"]) and row["result"]["state"] == row["states"][-1]["id"]


def _preview_inline(result: dict[str, Any]) -> ResultPreview:
    if result["format"] == "json":
        return _build_preview(result["body"], len(json_codec.dumps(result["body"])))
    return _preview_pickle(result["body"])


def _preview_file(key: str) -> ResultPreview:
    """Return a look at a file in the server's own directory of results: a run may name any file."""
    directory = Path(get_current_settings().results.local_storage_path).resolve()
    path = (directory / key).resolve()
    if not path.is_relative_to(directory):
        return _build_empty_preview(
            "It is kept on another machine, or outside of the directory of results of this server."
        )
    try:
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            return _build_empty_preview(f"It is too large to be shown here: {size:,} bytes.", size)
        record = orjson.loads(path.read_bytes())
        serializer, body = record["metadata"]["serializer"]["type"], record["result"]
    except FileNotFoundError:
        return _build_empty_preview("It is not kept on the server's machine, or not any more.")
    except (OSError, ValueError, KeyError, TypeError):
        return _build_empty_preview("Its file cannot be read.")
    if serializer == "json":
        return _build_preview(orjson.loads(body), len(body))
    if serializer == "pickle":
        return _preview_pickle(body)
    return _build_empty_preview(f"It is written as {serializer}, which only a program reads.", size)


def _preview_pickle(text: str) -> ResultPreview:
    size = len(text) * 3 // 4
    try:
        return _build_preview(_PlainUnpickler(io.BytesIO(base64.b64decode(text))).load(), size)
    except _NeedsClass as error:
        return _build_empty_preview(f"It needs the class {error}, so only a program can read it.", size)
    except (pickle.UnpicklingError, binascii.Error, EOFError, ValueError, TypeError, LookupError, AttributeError):
        return _build_empty_preview("Its pickle cannot be read.", size)
    except (MemoryError, RecursionError, OverflowError):
        return _build_empty_preview("It is too deep or too large to be shown here.", size)


def _build_empty_preview(reason: str, size: int | None = None) -> ResultPreview:
    return {"reason": reason, "type": None, "size": size, "value": None, "is_cut": False}


def _build_preview(value: Any, size: int) -> ResultPreview:
    budget = _Truncation()
    shown = budget.cut(value)
    return {"reason": None, "type": type(value).__name__, "size": size, "value": shown, "is_cut": budget.is_cut}


class _Truncation:
    """Cuts a value to what a page shows of it, as JSON."""

    def __init__(self) -> None:
        self.left = MAX_VALUES
        self.is_cut = False

    def cut(self, value: Any, depth: int = 0) -> Any:
        """Return a value or the beginning of it."""
        self.left -= 1
        if isinstance(value, str):
            self.is_cut |= len(value) > MAX_TEXT
            return value[:MAX_TEXT]
        if value is None or isinstance(value, (bool, float)) or (isinstance(value, int) and abs(value) < 2**53):
            return value
        if self.left <= 0 or depth > 20:
            self.is_cut = True
            return "…"
        if isinstance(value, dict):
            return {self._text(key): self.cut(part, depth + 1) for key, part in self._limit_items(value.items())}
        if isinstance(value, (list, tuple, set, frozenset)):
            return [self.cut(part, depth + 1) for part in self._limit_items(value)]
        return self._text(value)

    def _limit_items(self, values: Any) -> Any:
        for value in values:
            if self.left <= 0:
                self.is_cut = True
                return
            yield value

    def _text(self, value: Any) -> str:
        if isinstance(value, str):
            return value[:MAX_TEXT]
        if isinstance(value, (bytes, bytearray)):
            self.is_cut |= len(value) > 100
            return repr(bytes(value[:100]))
        if isinstance(value, int):
            return hex(value)[:MAX_TEXT]
        return f"({type(value).__name__})" if isinstance(value, (tuple, frozenset)) else str(value)[:MAX_TEXT]
