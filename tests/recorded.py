"""What runs recorded, read from the journal; and programs run in processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from datetime import datetime
from pathlib import Path
from typing import Any

from prefect import journal
from prefect.journal.reader import read
from prefect.types.mappings import Record

TIMEOUT = 60
"""Seconds after which a program counts as hanging."""


def records(home: Path, kind: str | None = None) -> list[Record]:
    """The records in the order they were written, this process's own included; each state once, as a record."""
    assert journal.flush(timeout=TIMEOUT)
    written = [record for _, batch in read(home, limit=100_000) for record in batch]
    found: dict[Any, Record] = {}
    for record in written:
        for each in (record, *_get_states(record)):
            found.setdefault((each["kind"], each["id"]) if each["kind"] == "state" else len(found), each)
    return [record for record in found.values() if kind is None or record["kind"] == kind]


def _get_states(record: Record) -> list[Record]:
    target = {"of": record["kind"], "run_id": record.get("id")}
    return [{"kind": "state", **target, **state} for state in record.get("states", ())]


def states(home: Path, target: str, run_id: Any = None) -> list[str]:
    """The names of the states of one run, or of all runs of a kind, in the order of their times.

    A run that another process executes has records of two processes.
    """
    return [
        record["name"]
        for record in sorted(records(home, "state"), key=lambda record: datetime.fromisoformat(record["timestamp"]))
        if (record["of"] == target and run_id in (None, record["run_id"])) or record["run_id"] == str(run_id)
    ]


def started(code: str, **variables: str) -> subprocess.Popen[str]:
    """A program in a process of its own, in this test's home."""
    program = "from prefect import flow, task\n" + textwrap.dedent(code)
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PREFECT_LOGGING_LEVEL": "CRITICAL", **variables},
    )


def finished(program: subprocess.Popen[str]) -> tuple[int, str, str]:
    """The exit status, stdout and stderr of a program."""
    try:
        out, err = program.communicate(timeout=TIMEOUT)
    finally:
        if program.poll() is None:
            program.kill()
            program.communicate()
    return program.returncode, out, err


def run(code: str, **variables: str) -> tuple[int, str, str]:
    """Run a program to its end."""
    return finished(started(code, **variables))
