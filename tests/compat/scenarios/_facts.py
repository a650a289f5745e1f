"""What the scenario programs share: facts are gathered here and printed as one line of JSON at the end.

A scenario is a program for `prefect`, run as it is with this package and with the original. What differs from run to
run (ids, times, addresses, directories) is written as a placeholder, so that two runs of one program print the same.
"""

import asyncio
import atexit
import datetime
import enum
import inspect
import json
import logging
import os
import re
import sys
import time
import uuid

FACTS = {}
KINDS = {}  # error class to the names of its bases: a more exact error than the original's is as good
DIRECTORY = os.path.dirname(os.path.abspath(__file__))
logging.captureWarnings(True)


def fact(name, value):
    assert name not in FACTS, name
    FACTS[name] = plain(value)


def plain(value):
    """The value as JSON, with placeholders for what differs from run to run."""
    if value is None or isinstance(value, (bool, int, float)):
        return value if not isinstance(value, enum.Enum) else plain(value.value)
    if isinstance(value, enum.Enum):
        return plain(value.value)
    if isinstance(value, str):
        return text(value)
    if isinstance(value, uuid.UUID):
        return "<id>"
    if isinstance(value, datetime.timedelta):
        return value.total_seconds()
    if isinstance(value, datetime.datetime):
        return "<time>"
    if isinstance(value, dict):
        return {str(plain(key)): plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    if isinstance(value, (set, frozenset)):
        return sorted((plain(each) for each in value), key=str)
    if isinstance(value, BaseException):
        return {"error": kind(value), "message": text(str(value))}
    if hasattr(value, "state_details"):
        return state(value)
    if isinstance(value, type):
        return f"class {value.__name__}"
    return f"<{type(value).__name__.partition('[')[0]}>"


def kind(error):
    """The name of an error's class; of the first public one where that is private."""
    names = [each.__name__ for each in type(error).__mro__ if not each.__name__.startswith("_")]
    KINDS[names[0]] = names
    return names[0]


def text(value):
    for path, name in ((os.environ.get("PREFECT_HOME", ""), "<home>"), (DIRECTORY, "<here>"), (os.getcwd(), "<cwd>")):
        if path:
            value = value.replace(path, name)
    value = re.sub(r"<cwd>/tmp\w+", "<tmp>", value)
    value = re.sub(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", "<id>", value)
    value = re.sub(r"(task run '[\w-]+)-[0-9a-f]{3}'", r"\1-<id>'", value)
    value = re.sub(r"\b0x[0-9a-f]+\b", "0x", value)
    value = re.sub(r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[.\d]*(Z|[+-]\d\d:?\d\d)?", "<time>", value)
    value = re.sub(r"https://errors\.pydantic\.dev/[\d.]+/", "https://errors.pydantic.dev/", value)
    return value


def state(value):
    """Type, name and message of a state."""
    return {"type": value.type.value, "name": value.name, "message": text(value.message) if value.message else None}


def outcome(function, *args, **kwargs):
    """What a call returned, or what it raised."""
    try:
        value = function(*args, **kwargs)
        if inspect.iscoroutine(value):
            value = asyncio.run(value)
    except BaseException as error:
        return {"raised": kind(error), "message": text(str(error))}
    return {"returned": plain(value)}


def trace(name, function, *args, **kwargs):
    """Keep what a call returned or raised as a fact."""
    fact(name, outcome(function, *args, **kwargs))


def client():
    from prefect.client.orchestration import get_client

    return get_client(sync_client=True)


def task_runs(flow_run_id, count):
    """The recorded task runs of a flow run once `count` of them have ended, by name."""
    from prefect.client.schemas.filters import FlowRunFilter

    deadline = time.monotonic() + 90
    while True:
        with client() as api:
            found = api.read_task_runs(flow_run_filter=FlowRunFilter(id={"any_": [flow_run_id]}))
        if sum(1 for run in found if run.state and run.state.is_final()) >= count or time.monotonic() > deadline:
            return sorted(found, key=lambda run: (run.name, str(run.id)))
        time.sleep(0.1)


def history(run_id, of="task"):
    """The names of all states a run went through."""
    deadline = time.monotonic() + 90
    quiet, seen = time.monotonic(), 0
    while True:
        with client() as api:
            found = api.read_task_run_states(run_id) if of == "task" else api.read_flow_run_states(run_id)
        found = sorted(found, key=lambda each: each.timestamp)
        if len(found) != seen:
            quiet, seen = time.monotonic(), len(found)
        # Some runs are left where they are: nothing more has come for a while.
        left = any(each.name in ("NotReady", "AwaitingRetry") for each in found[-1:]) and time.monotonic() - quiet > 8
        if any(each.is_final() for each in found[-1:]) or left or time.monotonic() > deadline:
            return [each.name for each in found]
        time.sleep(0.1)


def run_id(of_state):
    """The id of the run that a final state belongs to."""
    details = of_state.state_details
    return details.task_run_id or details.flow_run_id


@atexit.register
def _print():
    sys.stdout.flush()
    print("KINDS " + json.dumps(KINDS), flush=True)
    print("FACTS " + json.dumps(FACTS, sort_keys=True), flush=True)
