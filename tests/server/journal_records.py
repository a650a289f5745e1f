"""Writing journals by hand: records as a run would append them, in batches as its writer would commit them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import orjson

from prefect.journal import file
from prefect.types import UTC, new_id
from prefect.types.mappings import Record

START = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
FLOW_ID = uuid5(UUID(int=0), "flow")


def at(seconds: float) -> datetime:
    """A time so many seconds after the tests' beginning."""
    return START + timedelta(seconds=seconds)


def write(home: Path, *batches: Iterable[Record | bytes]) -> None:
    """Commit each batch of records to the journal of `home`; bytes are written as they are."""
    home.mkdir(parents=True, exist_ok=True)
    with closing(file.connect(file.path_in(home))) as connection:
        for batch in batches:
            lines = [line if isinstance(line, bytes) else orjson.dumps(line, option=orjson.OPT_UTC_Z) for line in batch]
            connection.execute("INSERT INTO batch (body) VALUES (?)", (b"\n".join(lines),))


def flow(name: str = "etl", **more: Any) -> Record:
    return {"kind": "flow", "id": FLOW_ID, "name": name, "tags": [], "labels": {}, "created": START, **more}


def flow_run(id_: UUID | None = None, **more: Any) -> Record:
    record = {
        "kind": "flow_run",
        "id": id_ or new_id(),
        "flow_id": FLOW_ID,
        "name": "brave-fox",
        "parameters": {"x": 1},
    }
    return {**record, "tags": [], "created": START, **more}


def task_run(flow_run_id: UUID | None, id_: UUID | None = None, **more: Any) -> Record:
    record = {
        "kind": "task_run",
        "id": id_ or new_id(),
        "flow_run_id": flow_run_id,
        "name": "add-0",
        "task_key": "add-1",
    }
    return {**record, "dynamic_key": "0", "tags": [], "created": START, **more}


def state(kind: str, run_id: UUID, type_: str, seconds: float, name: str | None = None, **more: Any) -> Record:
    record = {"kind": "state", "id": new_id(), "of": kind, "run_id": run_id, "type": type_, "timestamp": at(seconds)}
    return {**record, "name": name or type_.capitalize(), **more}


def log(flow_run_id: UUID | None, message: str, seconds: float = 0, **more: Any) -> Record:
    record = {"kind": "log", "id": new_id(), "name": "prefect.flow_runs", "level": 20, "message": message}
    return {**record, "timestamp": at(seconds), "flow_run_id": flow_run_id, **more}


def whole_task(flow_run_id: UUID | None, seconds: float = 0, **more: Any) -> Iterator[Record]:
    """A task run with its Pending, Running and Completed, a tenth of a second apart."""
    run = task_run(flow_run_id, **more)
    yield run
    for position, type_ in enumerate(("PENDING", "RUNNING", "COMPLETED")):
        yield state("task_run", run["id"], type_, seconds + position / 10)
