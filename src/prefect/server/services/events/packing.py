"""Pack an event's labels, related resources and payload into few bytes, and unpack them.

Most events are about a run that entered a state, three for each task run, and their texts are almost equal. The ids and
the time that an event's row holds already, and other ids, are replaced by marks in the JSON; the rest is compressed
with typical events as a dictionary: a kilobyte becomes less than a hundred bytes.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from prefect.types import json_codec

_VERSION = b"\x01"
"""The first byte of a packed event: the version of the dictionary."""

_ID_LENGTH = 36
_ID_AFTER_8 = re.compile(rb"-(?<=[0-9a-f]{8}-)(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
"""An id, from its first hyphen. Hot path: searching for one character is six times as fast as trying each position."""

_MARK = re.compile(rb"[\x01-\x06]")  # JSON has no such bytes

_ID_COLUMNS = ("id", "resource_id", "flow_run_id", "follows")
"""Columns whose ids have the marks 1 to 4; the mark 5 is the next one of the other ids, 6 the time."""

_NEXT, _TIME = b"\x05", b"\x06"


def pack(row: Mapping[str, Any], resource: Any, related: Any, payload: Any) -> bytes:
    """Pack the three parts of an event.

    Args:
        row: The event's row: `id`, `resource_id`, `flow_run_id`, `follows` and `occurred`.
        resource: Its resource's labels.
        related: The labels of its related resources.
        payload: Its payload.
    """
    known = {row[name].bytes: bytes((number,)) for number, name in enumerate(_ID_COLUMNS, 1) if row[name] is not None}
    text = json_codec.dumps((resource, related, payload), option=orjson.OPT_NON_STR_KEYS | orjson.OPT_UTC_Z)
    text, others = _mark_ids(text, known)
    text = text.replace(_time(row["occurred"]), _TIME)
    deflate = _deflate.copy()
    return b"".join((_VERSION, len(others).to_bytes(2), *others, deflate.compress(text), deflate.flush()))


def _mark_ids(text: bytes, known: Mapping[bytes, bytes]) -> tuple[bytes, list[bytes]]:
    """Return a text with marks for its ids, and those ids that are not known, as 16 bytes each."""
    parts: list[bytes] = []
    others: list[bytes] = []
    end = 0
    for found in _ID_AFTER_8.finditer(text):
        start = found.start() - 8
        if start < end:  # its first digits are the last ones of another id
            continue
        id_ = bytes.fromhex(text[start : start + _ID_LENGTH].replace(b"-", b"").decode())
        mark = known.get(id_)
        if mark is None:
            others.append(id_)
        parts += (text[end:start], mark or _NEXT)
        end = start + _ID_LENGTH
    parts.append(text[end:])
    return b"".join(parts), others


def unpack(row: Mapping[str, Any]) -> tuple[dict[str, str], list[dict[str, str]], dict[str, Any]]:
    """Return the resource, the related resources and the payload of an event from its row."""
    body: bytes = row["body"]
    start = 3 + 16 * int.from_bytes(body[1:3])
    inflate = zlib.decompressobj(-13, _DICTIONARY)
    text = inflate.decompress(body[start:]) + inflate.flush()
    others = (str(UUID(bytes=body[at : at + 16])).encode() for at in range(3, start, 16))
    known = [str(row[name]).encode() for name in _ID_COLUMNS]
    time = _time(row["occurred"])

    def meant(found: re.Match[bytes]) -> bytes:
        number = found[0][0]
        return known[number - 1] if number <= len(known) else next(others) if number == _NEXT[0] else time

    resource, related, payload = json_codec.loads(_MARK.sub(meant, text))
    return resource, related, payload


def _time(occurred: datetime) -> bytes:
    return json_codec.format_time(occurred).encode()


def _dictionary() -> bytes:
    """Return the texts that events of states consist of.

    It must never change: what is stored was packed by it. Another one gets another version.
    """
    kinds = ("automation", "worker", "deployment", "work-queue", "work-pool")
    labels = {"prefect.work-pool.type": "process", "prefect.version": "3.", "prefect.state-message": "Flow run "}
    details = {
        "scheduled_time": "20",
        "cache_key": "",
        "pause_timeout": "",
        "transition_id": "<5>",
        "retriable": False,
        "untrackable_result": True,
    }
    words = "Scheduled Late AwaitingRetry Retrying Paused Cancelling Cancelled Cached Crashed SCHEDULED CANCELLED"
    rare = ([_resource(kind, "<5>", kind) for kind in kinds], labels, details, words)
    usual = [
        _build_typical_event(kind, before, after)
        for kind in ("flow-run", "task-run")
        for before, after in (("", "Pending"), ("Pending", "Running"), ("Running", "Failed"), ("Running", "Completed"))
    ]
    text = b"".join(json_codec.dumps(part) for part in (rare, *usual))
    return re.sub(rb"<(\d)>", lambda found: bytes((int(found[1]),)), text)


def _build_typical_event(kind: str, before: str, after: str) -> Any:
    """Return the three parts of a run's event between two states, with `<n>` for marks."""
    task = kind == "task-run"

    def state(name: str, **more: Any) -> Any:
        shown = {"type": name.upper(), "name": name}
        return {**shown, "message": "", "state_details": {}, **more} if task else shown

    resource = {
        "prefect.resource.id": f"prefect.{kind}.<2>",
        "prefect.resource.name": "a-0",
        "prefect.run-count": "1",
        "prefect.state-message": "",
        "prefect.state-name": after,
        "prefect.state-timestamp": "<6>",
        "prefect.state-type": after.upper(),
        **({"prefect.orchestration": "client"} if task else {}),
    }
    tag = {"prefect.resource.id": "prefect.tag.a", "prefect.resource.role": "tag"}
    flow = _resource("flow", "<5>", "a")
    payload = {
        "intended": {"from": before.upper() or None, "to": after.upper()},
        "initial_state": state(before) if before else None,
        "validated_state": state(after, data=None),
    }
    return resource, [tag, _resource("flow-run", "<3>", "a"), flow] if task else [flow, tag], payload


def _resource(kind: str, id: str, name: str) -> dict[str, str]:
    return {
        "prefect.resource.id": f"prefect.{kind}.{id}",
        "prefect.resource.role": kind,
        "prefect.resource.name": name,
    }


_DICTIONARY = _dictionary()

_deflate = zlib.compressobj(6, zlib.DEFLATED, -13, 4, zlib.Z_DEFAULT_STRATEGY, _DICTIONARY)
"""Begins each event's compression: to copy it costs half of what reading the dictionary does."""
