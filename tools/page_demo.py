"""Fill a server with runs of every kind, for looking at the web page and for its end-to-end tests.

python -m tools.page_demo URL [RUNS]
"""

import random
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import orjson

import prefect
from prefect.types import UTC, new_id

Record = dict[str, Any]

FLOWS = ("nightly-etl", "train-model", "sync-orders", "send-report", "clean-up", "score-customers")
TASKS = ("extract", "transform", "validate", "load", "notify")
ADJECTIVES = ("amber", "brisk", "calm", "dapper", "eager", "fuzzy", "gentle", "humble", "ivory", "jolly")
ANIMALS = ("otter", "falcon", "lynx", "heron", "badger", "marmot", "ibex", "newt", "puffin", "yak")
ERRORS = (
    ("TimeoutError", "timeout: the warehouse did not answer within 30 s"),
    ("ValueError", "column 'price' has 3 missing values"),
    ("ConnectionError", "Connection refused by db.internal:5432"),
)
WORKER_LINES = (
    (300, 20, "Worker 'worker-1' started!"),
    (180, 30, "The API cannot be reached (Connection refused). The worker continues when it answers again."),
    (178, 20, "The API answers again."),
    (91, 20, "Received SIGTERM. Stopping worker 'worker-1'..."),
    (91, 20, "Worker 'worker-1' stopped!"),
    (90, 20, "Worker 'worker-1' started!"),
    (35, 40, "The clean-up of flow run 01a228db-5d1c-7c2e-9df1-1f0c1f2f9e10 failed."),
)
"""What a worker has logged: how many minutes ago, its level and its text."""

BATCH_RECORDS = 5000

TRACEBACK = """Encountered exception during execution: {kind}('{message}')
Traceback (most recent call last):
  File "/opt/venv/lib/python3.12/site-packages/prefect/engine/shells.py", line 61, in call_sync
    return function(*args, **kwargs)
  File "/srv/flows/{flow}.py", line 48, in {task}
    rows = read_rows(connection, since=yesterday)
  File "/srv/flows/warehouse.py", line 112, in read_rows
    return list(connection.execute(QUERY, timeout=30))
  File "/opt/venv/lib/python3.12/site-packages/sqlalchemy/engine/base.py", line 1419, in execute
    return meth(self, distilled_parameters)
{kind}: {message}"""

REPORT = """# Daily report

| shop | orders |
|---|---|
| Berlin | 412 |
| Porto | 98 |

All **fine**. See `orders`; the error is $\\frac{1}{n}\\sum_i |y_i - \\hat y_i|$.

```mermaid
flowchart LR
  A[Extract orders] --> B{Enough rows?}
  B -- yes --> C[Load]
  B -- no --> D[Tell the team]
```"""

SCHEMA = {
    "title": "Parameters",
    "type": "object",
    "required": ["source"],
    "properties": {
        "source": {"title": "source", "type": "string", "position": 0},
        "batch": {"title": "batch", "type": "integer", "default": 100, "minimum": 1, "position": 1},
        "dry_run": {"title": "dry_run", "type": "boolean", "default": False, "position": 2},
        "mode": {"title": "mode", "enum": ["fast", "exact"], "default": "fast", "position": 3},
        "tables": {
            "title": "tables",
            "type": "array",
            "items": {"type": "string"},
            "default": [],
            "position": 4,
        },
        "since": {
            "title": "since",
            "anyOf": [{"type": "string", "format": "date-time"}, {"type": "null"}],
            "default": None,
            "position": 5,
        },
        "retry": {"title": "retry", "allOf": [{"$ref": "#/definitions/Retry"}], "position": 6},
    },
    "definitions": {
        "Retry": {
            "title": "Retry",
            "type": "object",
            "properties": {
                "attempts": {"type": "integer", "default": 3},
                "delay": {"type": "number", "default": 1.5},
            },
        }
    },
}


class Filler:
    """Writes runs through the API of a server.

    Args:
        url: The address of the API.
        seed: What makes the same runs each time, apart from their times.
        tasks: The fewest and the most task runs of a flow run.
    """

    def __init__(self, url: str, seed: int = 1, tasks: tuple[int, int] = (1, 6)) -> None:
        self.http = httpx.Client(base_url=url, timeout=120)
        self.random = random.Random(seed)
        self.now = datetime.now(UTC)
        self.tasks = tasks
        self.waiting: list[Record] = []
        self.flows: dict[str, UUID] = {}
        self.deployments: dict[str, UUID] = {}
        self.queues: dict[str, str] = {}

    def post(self, path: str, body: Any) -> Any:
        """Call an operation and return its answer."""
        response = self.http.post(path, content=orjson.dumps(body), headers={"content-type": "application/json"})
        response.raise_for_status()
        return response.json() if response.content else None

    def write(self, records: Iterator[Record]) -> None:
        """Send records of the journal, in batches."""
        for record in records:
            self.waiting.append(record)
            if len(self.waiting) >= BATCH_RECORDS:
                self.flush()

    def flush(self) -> None:
        """Send what waits."""
        body = b"\n".join(orjson.dumps(record, option=orjson.OPT_UTC_Z) for record in self.waiting)
        self.waiting = []
        if body:
            self.http.post("/journal", content=body).raise_for_status()

    # --- objects ------------------------------------------------------------------------------------------------------

    def fill(self, runs: int) -> None:
        """Write everything."""
        self.add_objects()
        for number in range(runs):
            age = timedelta(days=7) * (number / max(runs, 1)) + timedelta(minutes=self.random.random() * 10)
            self.write(self.make_run(self.now - age - timedelta(minutes=5)))
        self.write(self.make_failed_run())
        self.write(self.make_large_run(5000))
        self.write(self.make_long_log(20_000))
        self.write(self.make_running_run())
        self.flush()
        self.add_paused_run()
        self.add_artifacts()

    def add_objects(self) -> None:
        """Add flows, work pools, deployments, variables, limits and a block."""
        for name in FLOWS:
            self.flows[name] = UUID(self.post("/flows/", {"name": name})["id"])
        for name, kind in (("local", "process"), ("k8s-prod", "kubernetes")):
            self.post(
                "/work_pools/", {"name": name, "type": kind, "concurrency_limit": 4 if kind == "process" else None}
            )
        facts = {
            "host": "desk-7",
            "pid": 4711,
            "version": prefect.__pluperfect_version__,
            "python": "3.12.8",
            "limit": 8,
        }
        self.add_worker(facts)
        self.add_deployments()
        for name, value, tags in (
            ("region", "eu-central-1", ["infra"]),
            ("limits", {"rows": 5000, "retry": [1, 2, 3]}, []),
            ("owner", "data-team", ["team"]),
        ):
            self.post("/variables/", {"name": name, "value": value, "tags": tags})
        self.post("/v2/concurrency_limits/", {"name": "database", "limit": 5})
        self.post("/v2/concurrency_limits/", {"name": "api-calls", "limit": 10, "slot_decay_per_second": 1.5})
        self.post("/concurrency_limits/", {"tag": "gpu", "concurrency_limit": 2})
        self.add_automation(self.add_block())

    def add_worker(self, facts: Record) -> None:
        """Add a worker with what it has logged in the last hours."""
        heartbeat = {"name": "worker-1", "heartbeat_interval_seconds": 30, "metadata": facts, "return_id": True}
        id_ = self.post("/work_pools/local/workers/heartbeat", heartbeat)
        self.post(
            "/logs/",
            [
                {
                    "name": "prefect.worker" if "orker 'worker-1'" in text else "prefect.workers.process.worker-1",
                    "level": level,
                    "message": text,
                    "timestamp": (self.now - timedelta(minutes=minutes)).isoformat(),
                    "worker_id": id_,
                }
                for minutes, level, text in WORKER_LINES
            ],
        )

    def add_block(self) -> str:
        """Add a block that sends notifications, and return its id."""
        form = self.http.get("/ui/forms/block-type/slack-webhook").raise_for_status().json()
        schema = {"block_type_id": form["type"]["id"], "block_schema_id": form["schema_id"]}
        data = {"url": "https://hooks.example.com/T0/B0/secret"}
        return self.post("/block_documents/", {"name": "team-alerts", "data": data, **schema})["id"]

    def add_automation(self, block_id: str) -> None:
        """Add an automation that sends notifications through a block; it is off."""
        labels = {"prefect.resource.role": "tag", "prefect.resource.id": ["prefect.tag.prod"]}
        trigger = {
            "type": "event",
            "posture": "Reactive",
            "expect": ["prefect.flow-run.Failed", "prefect.flow-run.Crashed"],
            "match": {"prefect.resource.id": "prefect.flow-run.*"},
            "match_related": labels,
            "for_each": ["prefect.resource.id"],
            "threshold": 1,
            "within": 0,
        }
        action = {"type": "send-notification", "block_document_id": block_id, "subject": "A run failed"}
        actions = [{**action, "body": "{{ flow_run.name }} failed"}]
        automation = {"name": "tell-the-team", "enabled": False, "trigger": trigger, "actions": actions}
        self.post("/automations/", automation)

    def add_deployments(self) -> None:
        """Add a deployment of each of the first flows."""
        for number, name in enumerate(FLOWS[:4]):
            schedule = (
                {"cron": "0 3 * * *", "timezone": "Europe/Berlin"}
                if number % 2
                else {"interval": 1200.0, "anchor_date": "2026-01-01T00:00:00Z", "timezone": "UTC"}
            )
            answer = self.post(
                "/deployments/",
                {
                    "name": "prod" if number < 2 else f"team-{number}",
                    "flow_id": str(self.flows[name]),
                    "work_pool_name": "local" if number % 2 == 0 else "k8s-prod",
                    "tags": ["prod", "etl"] if number == 0 else ["prod"],
                    "schedules": [{"schedule": schedule, "active": True}],
                    "parameters": {"source": "s3://orders", "batch": 500},
                    "parameter_openapi_schema": SCHEMA,
                    "enforce_parameter_schema": True,
                    "description": f"Runs **{name}** for the team.\n\n- reads orders\n- writes a report",
                    "entrypoint": f"flows/{name}.py:{name.replace('-', '_')}",
                    "concurrency_limit": 2 if number == 0 else None,
                },
            )
            self.deployments[name], self.queues[name] = UUID(answer["id"]), answer["work_queue_id"]

    def add_artifacts(self) -> None:
        """Add artifacts of each kind."""
        customers = orjson.dumps([{"customer": f"c{n}", "orders": 90 - n * 7} for n in range(12)]).decode()
        for key, kind, data in (
            ("daily-report", "markdown", REPORT),
            ("top-customers", "table", customers),
            ("import", "progress", 62.5),
            ("dashboard", "link", "https://example.com/dashboard"),
        ):  # fmt: skip
            self.post("/artifacts/", {"key": key, "type": kind, "data": data, "description": f"From {FLOWS[0]}"})

    # --- runs ---------------------------------------------------------------------------------------------------------

    def name(self) -> str:
        """Return the name of a run."""
        return f"{self.random.choice(ADJECTIVES)}-{self.random.choice(ANIMALS)}"

    def flow_run(self, flow: str, created: datetime, **more: Any) -> Record:
        """Return a flow run."""
        deployment = self.deployments.get(flow) if self.random.random() < 0.8 else None
        record = {
            "kind": "flow_run",
            "id": new_id(),
            "flow_id": self.flows[flow],
            "name": self.name(),
            "created": created,
        }
        record |= {"parameters": {"source": "s3://orders", "batch": self.random.choice((8, 100, 500))}, "tags": []}
        if deployment is not None:
            record |= {"deployment_id": deployment, "tags": ["prod"], "work_queue_id": self.queues[flow]}
        return record | more

    def states(self, *steps: tuple[str, datetime, str | None]) -> list[Record]:
        """Return states: a type, a time and a message each."""
        return [
            {"id": new_id(), "type": type_, "name": type_.capitalize(), "timestamp": at, "message": message}
            for type_, at, message in steps
        ]

    def make_run(self, at: datetime) -> Iterator[Record]:
        """Yield a finished run with its tasks."""
        flow = self.random.choice(FLOWS)
        end, message = "COMPLETED", None
        if self.random.random() < 0.08:
            end, message = "FAILED", "Flow run encountered an exception: {}: {}".format(*self.random.choice(ERRORS))
        elif self.random.random() < 0.02:
            end, message = "CRASHED", "The process that ran it ended with exit code 137 (out of memory)."
        elif self.random.random() < 0.01:
            end, message = "CANCELLED", "Cancelled by ada."
        run = self.flow_run(flow, at)
        cursor = at + timedelta(seconds=self.random.random())
        number = self.random.randint(*self.tasks)
        previous: UUID | None = None
        for position in range(number):
            failed = end == "FAILED" and position == number - 1
            seconds = self.random.lognormvariate(0.3, 1.2)
            task = self.task_run(run["id"], TASKS[position % len(TASKS)], position, cursor, seconds, failed, previous)
            cursor += timedelta(seconds=seconds)
            previous = task["id"]
            yield task
        run["states"] = self.states(
            ("SCHEDULED", at, None),
            ("PENDING", at, None),
            ("RUNNING", at + timedelta(seconds=0.2), None),
            (end, cursor, message),
        )
        yield run

    def task_run(
        self,
        run_id: UUID,
        task: str,
        number: int,
        at: datetime,
        seconds: float,
        failed: bool = False,
        after: UUID | None = None,
    ) -> Record:
        """Return a finished task run."""
        end = "FAILED" if failed else "COMPLETED"
        message = "Task run encountered an exception TimeoutError: the warehouse did not answer" if failed else None
        inputs = {"rows": [{"input_type": "task_run", "id": str(after)}]} if after else {}
        record = {"kind": "task_run", "id": new_id(), "flow_run_id": run_id, "name": f"{task}-{number}", "created": at}
        record |= {"task_key": f"{task}-x", "dynamic_key": str(number), "tags": [], "task_inputs": inputs}
        begun, ended = at + timedelta(milliseconds=3), at + timedelta(seconds=seconds)
        return record | {"states": self.states(("PENDING", at, None), ("RUNNING", begun, None), (end, ended, message))}

    def log(self, run_id: UUID, at: datetime, message: str, level: int = 20, task_run_id: UUID | None = None) -> Record:
        """Return a log record."""
        name = "prefect.task_runs" if task_run_id else "prefect.flow_runs"
        return {"kind": "log", "id": new_id(), "name": name, "level": level, "message": message, "timestamp": at,
                "flow_run_id": run_id, "task_run_id": task_run_id}  # fmt: skip

    def make_failed_run(self) -> Iterator[Record]:
        """Yield the run that the pictures show: a task failed, others were not run because of it."""
        at = self.now - timedelta(minutes=3)
        run = self.flow_run(
            "nightly-etl", at, name="broken-heron", deployment_id=self.deployments["nightly-etl"], tags=["prod"]
        )
        kind, message = ERRORS[0]
        extract = self.task_run(run["id"], "extract", 0, at + timedelta(seconds=1), 2.4)
        transform = self.task_run(run["id"], "transform", 0, at + timedelta(seconds=3.5), 30.2, True, extract["id"])
        transform["states"][-1]["message"] = f"Task run encountered an exception {kind}: {message}"
        load = self.task_run(run["id"], "load", 0, at + timedelta(seconds=33.8), 0.001, True, transform["id"])
        load["states"] = self.states(
            ("PENDING", at + timedelta(seconds=33.8), f"Upstream task run 'transform-0' failed: {kind}: {message}")
        )
        load["states"][0]["name"] = "NotReady"
        run["states"] = self.states(
            ("SCHEDULED", at - timedelta(seconds=20), None),
            ("PENDING", at - timedelta(seconds=2), None),
            ("RUNNING", at, None),
            ("FAILED", at + timedelta(seconds=34), f"Flow run encountered an exception: {kind}: {message}"),
        )
        yield run
        yield from (extract, transform, load)
        yield self.log(run["id"], at, "Beginning flow run 'broken-heron' for flow 'nightly-etl'")
        for second in range(30):
            line = f"read page {second} of https://warehouse.example/orders in {second * 3} ms"
            yield self.log(run["id"], at + timedelta(seconds=3.6 + second), line, 20, transform["id"])
        yield self.log(run["id"], at + timedelta(seconds=20), "the warehouse answers slowly", 30, transform["id"])
        text = TRACEBACK.format(kind=kind, message=message, flow="nightly_etl", task="transform")
        yield self.log(
            run["id"],
            at + timedelta(seconds=33.7),
            text.replace("Encountered exception during execution", "Task run failed with exception"),
            40,
            transform["id"],
        )
        yield self.log(run["id"], at + timedelta(seconds=33.9), text, 40)
        yield self.log(
            run["id"],
            at + timedelta(seconds=34),
            f"Finished in state Failed('Flow run encountered an exception: {kind}: {message}')",
            40,
        )

    def make_large_run(self, tasks: int) -> Iterator[Record]:
        """Yield a run of many mapped tasks."""
        at = self.now - timedelta(minutes=30)
        run = self.flow_run("score-customers", at, name="wide-ibex")
        first = self.task_run(run["id"], "extract", 0, at + timedelta(seconds=0.5), 3)
        yield first
        for number in range(tasks):
            begin = at + timedelta(seconds=4 + (number // 16) * 0.8 + self.random.random() * 0.2)
            task = self.task_run(
                run["id"], "transform", number, begin, 0.3 + self.random.random(), number in (701, 2222), first["id"]
            )
            yield task
        end = at + timedelta(seconds=6 + tasks / 16 * 0.8)
        run["states"] = self.states(
            ("PENDING", at, None), ("RUNNING", at, None), ("FAILED", end, "2/5001 states failed.")
        )
        yield run

    def make_long_log(self, lines: int, name: str = "chatty-lynx") -> Iterator[Record]:
        """Yield a run with a long log."""
        at = self.now - timedelta(hours=1)
        run = self.flow_run("train-model", at, name=name)
        run["states"] = self.states(
            ("PENDING", at, None), ("RUNNING", at, None), ("COMPLETED", at + timedelta(seconds=lines / 50), None)
        )
        yield run
        for number in range(lines):
            message = f"epoch {number // 100} step {number % 100}: loss={1 / (number + 1):.6f}"
            if number == 12_345:
                message = "checkpoint written to s3://models/needle"
            yield self.log(run["id"], at + timedelta(seconds=number / 50), message, 30 if number % 997 == 0 else 20)

    def make_running_run(self) -> Iterator[Record]:
        """Yield a run that is under way."""
        at = self.now - timedelta(seconds=42)
        run = self.flow_run("sync-orders", at, name="busy-puffin")
        run["states"] = self.states(("PENDING", at, None), ("RUNNING", at, None))
        yield run
        yield self.task_run(run["id"], "extract", 0, at + timedelta(seconds=1), 20)
        task = self.task_run(run["id"], "transform", 0, at + timedelta(seconds=22), 60)
        task["states"] = task["states"][:2]
        yield task
        for second in range(40):
            yield self.log(run["id"], at + timedelta(seconds=second), f"synced {second * 120} orders")

    def add_paused_run(self) -> None:
        """Add a run that waits for input."""
        run = self.post(
            "/flow_runs/",
            {"flow_id": str(self.flows["send-report"]), "name": "waiting-newt", "state": {"type": "RUNNING"}},
        )
        keys = {"schema": "paused-1-schema", "response": "paused-1-response", "description": "paused-1-description"}
        properties = {
            "approve": {"type": "boolean", "title": "Approve"},
            "note": {"type": "string", "title": "Note", "default": ""},
            "level": {"enum": ["low", "high"], "title": "Level", "default": "low"},
        }
        schema = {"type": "object", "title": "Approval", "required": ["approve"], "properties": properties}
        for key, value in (
            ("schema", orjson.dumps(schema)),
            ("description", orjson.dumps("Send the report to **all** customers?")),
        ):
            self.post(f"/flow_runs/{run['id']}/input", {"key": keys[key], "value": value.decode()})
        details = {
            "pause_timeout": (self.now + timedelta(hours=5)).isoformat(),
            "pause_key": "1",
            "run_input_keyset": keys,
        }
        state = {"type": "PAUSED", "name": "Paused", "state_details": details}
        self.post(f"/flow_runs/{run['id']}/set_state", {"state": state, "force": True})


def main() -> None:
    """Fill the server at the address that is given."""
    Filler(sys.argv[1]).fill(int(sys.argv[2]) if len(sys.argv) > 2 else 300)


if __name__ == "__main__":
    main()
