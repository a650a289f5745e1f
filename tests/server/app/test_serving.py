"""The process that serves: which event loop it runs on."""

from __future__ import annotations

import asyncio
import sys
from types import SimpleNamespace

import pytest

from prefect.server.app import serving


class Loop(asyncio.SelectorEventLoop):
    """The event loop of a library that is not asyncio."""


async def note_loop(found: list[type]) -> None:
    found.append(type(asyncio.get_running_loop()))


@pytest.mark.parametrize(
    ("module", "expected"), [(SimpleNamespace(new_event_loop=Loop), Loop), (None, asyncio.SelectorEventLoop)]
)
def test_run_uses_uvloop_where_it_is_installed(monkeypatch: pytest.MonkeyPatch, module: object, expected: type) -> None:
    monkeypatch.setitem(sys.modules, "uvloop", module)
    found: list[type] = []
    serving.run(note_loop(found))
    assert found == [expected]
