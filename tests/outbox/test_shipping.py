"""Shipping of records to the server: while runs execute, after crashes, during outages, and each only once."""

import json
import os
import signal
from importlib import import_module
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from prefect import flow, get_client, get_run_logger, journal, task
from prefect.artifacts import create_markdown_artifact, create_table_artifact, update_progress_artifact
from prefect.cli.core.app import run as run_command
from prefect.outbox.delivery import remove_results
from prefect.outbox.store import Batch, Outbox, Outcome, file_name, find_outboxes
from prefect.types import new_id
from tests.outbox.conftest import Fake
from tests.outbox.servers import FakeServer
from tests.recorded import finished, run, started

ENDED = ("Pending", "Running", "Completed")

TASKS = """
    @task
    def add(x):
        return x + 1

    @flow
    def main(n):
        return [add(i) for i in range(n)]
"""


def count_waiting(home: Path, server: FakeServer) -> int:
    return Outbox(home, server.url).count_waiting()


def read_line(program: Any) -> str:
    return program.stdout.readline().strip()


def send_newline(program: Any) -> None:
    program.stdin.write("\n")
    program.stdin.flush()


def count_completed(server: FakeServer) -> int:
    """Return the number of completed task runs on the server."""
    if server.reads_journals:
        states = [
            state["name"]
            for record in server.records.values()
            for state in [*record.get("states", ()), record]
            if record["kind"] == "task_run" or record.get("of") == "task_run"
        ]
        return states.count("Completed")
    return [states[-1] for states in server.task_run_states("id").values()].count("Completed")


def test_process_exit_ships_all_records(server: FakeServer, home: Path):
    code, _, err = run(f"{TASKS}\n    main(20)")
    assert (code, err) == (0, "")
    assert count_completed(server) == 20
    assert count_waiting(home, server) == 0
    assert not (home / "journal.db").exists()


def test_outbox_has_one_file_per_server(home: Path, fake: Fake):
    first = fake()
    assert run(f"{TASKS}\n    main(1)")[0] == 0
    second = fake()
    assert run(f"{TASKS}\n    main(1)")[0] == 0
    assert sorted(each.url for each in find_outboxes(home)) == sorted([first.url, second.url])
    assert {path.name for path in home.glob("*.db")} == {file_name(first.url), file_name(second.url)}


def test_delivery_sends_runs_logs_and_artifacts_to_the_api(fake: Fake):
    server = fake()

    @task(retries=1, tags=["mine"], task_run_name="first")
    def fails_once() -> str:
        tries.append(1)
        if len(tries) == 1:
            raise ValueError("not yet")
        get_run_logger().info("now")
        return "done"

    @flow
    def main() -> None:
        create_markdown_artifact("# page", key="page")
        fails_once()

    tries: list[int] = []
    main()
    journal.close()
    (run_id,) = server.flow_runs
    assert server.task_run_states() == {"first": ["Pending", "Running", "Retrying", "Completed"]}
    last = max(server.events.values(), key=lambda event: event["occurred"])
    (created,) = [event for event in server.events.values() if event["event"] == "prefect.artifact.created"]
    assert created["payload"] == {"key": "page", "type": "markdown", "description": None}
    assert [one["prefect.resource.role"] for one in created["related"]] == ["flow-run", "flow"]
    assert last["event"] == "prefect.task-run.Completed"
    assert last["resource"]["prefect.run-count"] == "2"
    assert last["resource"]["prefect.orchestration"] == "client"
    assert last["payload"]["intended"] == {"from": "RUNNING", "to": "COMPLETED"}
    assert last["payload"]["initial_state"]["name"] == "Retrying"
    assert last["payload"]["task_run"]["run_count"] == 2
    assert last["payload"]["task_run"]["flow_run_run_count"] == 1
    assert last["payload"]["task_run"]["tags"] == ["mine"]
    roles = {item["prefect.resource.role"]: item["prefect.resource.id"] for item in last["related"]}
    assert roles == {
        "tag": "prefect.tag.mine",
        "flow-run": f"prefect.flow-run.{run_id}",
        "flow": f"prefect.flow.{server.flows['main']}",
    }
    earlier = {event["id"]: event for event in server.events.values()}[last["follows"]]
    assert earlier["event"] == "prefect.task-run.Retrying"
    assert [log["message"] for log in server.logs if log["name"] == "prefect.task_runs"][1] == "now"
    assert {log["flow_run_id"] for log in server.logs} == {run_id}
    (artifact,) = server.artifacts
    assert (artifact["key"], artifact["data"], artifact["flow_run_id"]) == ("page", "# page", run_id)


def test_delivery_replaces_lone_surrogates_for_other_servers(fake: Fake):
    server = fake()

    @flow
    def main() -> None:
        create_table_artifact([{"lone": "a\ud800", "big": 1 << 80}], key="odd")
        create_markdown_artifact("b\udc80", key="page")

    main()
    journal.close()
    sent = {artifact["key"]: artifact["data"] for artifact in server.artifacts}
    assert sent["page"] == "b\\udc80"
    assert json.loads(sent["odd"]) == [{"lone": "a\ud800", "big": 1 << 80}]  # a text in a text


def test_logs_are_not_recorded_when_disabled(server: FakeServer):
    code, _, _ = run(f"{TASKS}\n    main(1)", PREFECT_LOGGING_TO_API_ENABLED="false", PREFECT_LOGGING_LEVEL="INFO")
    assert code == 0
    assert server.logs == []
    assert [record for record in server.records.values() if record["kind"] == "log"] == []


def test_logs_are_sent_in_batches_of_the_configured_size(fake: Fake):
    server = fake()
    code, _, _ = run(
        """
        from prefect import get_run_logger
        @flow
        def main():
            for _ in range(20):
                get_run_logger().info("x" * 300)
        main()
        """,
        PREFECT_LOGGING_LEVEL="INFO",
        PREFECT_LOGGING_TO_API_BATCH_SIZE="2000",
        PREFECT_LOGGING_TO_API_MAX_LOG_SIZE="1000",
    )
    assert code == 0
    batches = server.sent("POST", "/logs/")
    assert sum(len(batch) for batch in batches) == 22
    assert max(sum(len(log["message"]) for log in batch) for batch in batches) <= 2000


def test_records_are_shipped_after_a_server_outage(server: FakeServer, home: Path):
    program = started(
        f"""{TASKS}
    @flow
    def outer():
        main(5)
        print("away", flush=True)
        input()
        main(5)
        print("back", flush=True)
        input()
        main(5)
    outer()""",
        PREFECT_CLIENT_EXIT_TIMEOUT_SECONDS="30",
    )
    assert read_line(program) == "away"
    server.stop()
    send_newline(program)
    assert read_line(program) == "back"
    server.start()
    send_newline(program)
    code, _, err = finished(program)
    assert (code, "records wait" in err) == (0, False)
    assert count_waiting(home, server) == 0
    ids = [run["id"] for run in server.flow_runs.values()]
    if server.reads_journals:
        # The second run was made here, as a record.
        recorded = [record for record in server.records.values() if record["kind"] == "flow_run"]
        later = [record for record in server.records.values() if record.get("of") == "flow_run"]
        states = [state for record in recorded for state in record["states"]] + later
        assert (len(recorded), max(states, key=lambda state: state["timestamp"])["name"]) == (1, "Completed")
        assert count_completed(server) == 15 + 1
        assert [server.state_names(id_) for id_ in ids] == [list(ENDED)] * 3
    else:
        assert count_completed(server) == 15
        assert sorted(server.state_names(id_) for id_ in ids) == [list(ENDED)] * 4
        assert len({log["flow_run_id"] for log in server.logs} - set(ids)) == 0
        assert len(server.task_runs) == 3, "each subflow has a task run in its parent"


def test_process_exit_reports_waiting_records_when_the_server_is_down(server: FakeServer, home: Path):
    program = started(
        f"""{TASKS}
    @flow
    def outer():
        print("go", flush=True)
        input()
        return [add(i) for i in range(5)]
    print(len(outer()))"""
    )
    assert read_line(program) == "go"
    server.stop()
    send_newline(program)
    code, out, err = finished(program)
    assert (code, out) == (0, "5\n")
    (line,) = [line for line in err.splitlines() if "records wait" in line]
    assert server.url in line
    assert count_waiting(home, server) > 0
    server.start()
    assert run(f"{TASKS}\n    main(1)")[0] == 0
    assert (count_completed(server), count_waiting(home, server)) == (6, 0)
    first = next(iter(server.flow_runs))
    if server.reads_journals:
        later = [r["name"] for r in server.records.values() if r["kind"] == "state" and r["run_id"] == first]
        assert later == ["Completed"]
    else:
        assert server.state_names(first) == ["Pending", "Running", "Completed"]


def test_records_of_a_killed_process_are_shipped_once_by_the_next_process(server: FakeServer, home: Path):
    program = started(
        f"""{TASKS}
    from prefect import journal
    @flow
    def outer():
        print("go", flush=True)
        input()
        [add(i) for i in range(50)]
        journal.flush()
        print("written", flush=True)
        input()
    outer()"""
    )
    assert read_line(program) == "go"
    server.stop()
    send_newline(program)
    assert read_line(program) == "written"
    os.kill(program.pid, signal.SIGKILL)
    finished(program)
    assert count_waiting(home, server) > 0
    before = server.deliveries
    server.start()
    assert run(f"{TASKS}\n    main(1)")[0] == 0
    assert (count_completed(server), count_waiting(home, server)) == (51, 0)
    known = len(server.records) if server.reads_journals else len(server.events)
    assert server.deliveries - before <= known, "something was sent twice"


def test_processes_sharing_an_outbox_send_each_record_once(server: FakeServer, home: Path):
    programs = [started(f"{TASKS}\n    main(200)") for _ in range(2)]
    assert [finished(program)[0] for program in programs] == [0, 0]
    assert (count_completed(server), count_waiting(home, server)) == (400, 0)
    known = len(server.records) if server.reads_journals else len(server.events)
    assert server.deliveries == known


def test_refused_records_are_dead_lettered_without_blocking_others(
    fake: Fake, home: Path, capsys: pytest.CaptureFixture[str]
):
    server = fake()
    server.refuse = lambda path, body: (
        (422, {"detail": "bad"})
        if path == "/events" and any(event["resource"]["prefect.resource.name"] == "add-bad" for event in body)
        else None
    )

    @task
    def add(name: str) -> None: ...

    @flow
    def main() -> None:
        for name in ("a", "bad", "b"):
            add.with_options(task_run_name=f"add-{name}")(name)

    main()
    journal.close()
    assert set(server.task_run_states()) == {"add-a", "add-b"}
    assert count_waiting(home, server) == 0
    refused = Outbox(home, server.url).read_refused()
    assert len(refused) == 3  # its three states were three events of one record
    assert "422" in refused[0][0]
    assert run_command(["journal", "status"]) == 0
    assert "3 records" in capsys.readouterr().out


def test_artifact_update_uses_the_id_assigned_by_the_server(fake: Fake):
    server = fake()
    from prefect.artifacts import create_progress_artifact

    @flow
    def main() -> None:
        id_ = create_progress_artifact(10, key="bar")
        update_progress_artifact(id_, 50)

    main()
    journal.close()
    (path,) = [path for method, path, _ in server.requests if method == "PATCH" and path.startswith("/artifacts/")]
    assert path == f"/artifacts/{server.artifacts[0]['id']}"


def test_task_run_event_includes_records_shipped_by_another_process(fake: Fake, home: Path):
    server = fake()
    flow_run_id, id_ = str(new_id()), str(new_id())
    created = "2026-01-01T00:00:00+00:00"
    mine = journal.use(home, file_name(server.url))
    mine.append(
        {
            "kind": "task_run",
            "id": id_,
            "flow_run_id": flow_run_id,
            "name": "t",
            "task_key": "t",
            "tags": ["x"],
            "dynamic_key": "1",
            "task_inputs": {},
            "empirical_policy": {"retries": 0},
            "created": created,
            "states": [{"id": str(new_id()), "type": "RUNNING", "name": "Running", "timestamp": created}],
        }
    )
    mine.close()
    assert run_command(["journal", "ship"]) == 0
    mine.append(
        {
            "kind": "state",
            "of": "task_run",
            "run_id": id_,
            "id": str(new_id()),
            "type": "FAILED",
            "name": "Failed",
            "timestamp": "2026-01-01T00:00:02+00:00",
            "message": "no",
        }
    )
    mine.close()
    assert run_command(["journal", "ship"]) == 0
    last = max(server.events.values(), key=lambda event: event["occurred"])
    assert last["event"] == "prefect.task-run.Failed"
    assert last["payload"]["intended"] == {"from": "RUNNING", "to": "FAILED"}
    assert last["payload"]["task_run"]["total_run_time"] == 2.0
    assert last["payload"]["task_run"]["tags"] == ["x"]
    assert last["payload"]["validated_state"]["message"] == "no"


def test_client_ships_records_of_its_process_before_a_request(server: FakeServer):
    @task
    def add(x: int) -> int:
        return x

    @flow
    def main() -> None:
        for number in range(3):
            add(number)

    main()
    with get_client(sync_client=True) as client:
        client.request("GET", "/version")
    assert count_completed(server) == 3
    server.stop()
    main_away = journal.current()
    assert main_away is not None
    main_away.append({"kind": "artifact", "id": new_id()})
    with get_client(sync_client=True) as client, pytest.raises(httpx.ConnectError):
        client.request("GET", "/version")


def test_not_found_response_of_a_proxy_refuses_no_records(server: FakeServer, home: Path):
    """A proxy without a server behind it responds with status 404."""
    gone: list[bool] = []
    server.refuse = lambda path, body: (404, {"detail": "nothing here"}) if gone else None

    @task
    def add(x: int) -> int:
        gone.append(True)
        return x

    @flow
    def main() -> None:
        add(1)

    main()
    journal.close()
    assert Outbox(home, server.url).read_refused() == []
    assert count_waiting(home, server) > 0
    gone.clear()
    assert run_command(["journal", "ship"]) == 0
    assert (count_completed(server), count_waiting(home, server)) == (1, 0)


def test_shipping_adapts_when_the_server_is_replaced(server: FakeServer, home: Path):
    @task
    def add(x: int) -> int:
        return x

    @flow
    def main() -> None:
        add(1)

    main()
    journal.close()
    server.reads_journals = not server.reads_journals
    main()
    journal.close()
    assert (count_completed(server), count_waiting(home, server)) == (1, 0)
    assert Outbox(home, server.url).read_refused() == []


def results(server: FakeServer) -> list[Any]:
    """Return the results in the states of task runs that the server received."""
    states = [
        state for record in server.records.values() for state in [*record.get("states", ()), record] if "type" in state
    ]
    return [state["result"] for state in states if state.get("result") is not None]


VALUES = """
    @task
    def value(x):
        return x

    @flow
    def main():
        value({"x": 1}), value({1, 2}), value("x" * 70_000)
    main()
"""


def test_results_are_not_shipped_by_default(fake: Fake, home: Path):
    server = fake(reads_journals=True)
    assert run(VALUES)[0] == 0
    assert count_completed(server) == 3
    assert results(server) == []


def test_small_json_results_are_shipped_when_enabled(fake: Fake, home: Path, monkeypatch: Any):
    monkeypatch.setenv("PREFECT_RESULTS_SHIP_INLINE", "true")
    server = fake(reads_journals=True)
    assert run(VALUES)[0] == 0
    assert results(server) == [{"format": "json", "body": {"x": 1}}]


@pytest.mark.parametrize(
    ("keep_json", "left"), [(False, []), (True, [{"format": "json", "body": [1]}])], ids=["default", "ship_inline"]
)
def test_remove_results_keeps_only_allowed_json(keep_json: bool, left: list[Any]):
    states = [{"id": "1", "result": {"format": "json", "body": [1]}}, {"id": "2", "result": {"format": "pickle"}}]
    for record in ({"kind": "task_run", "states": states}, *({"kind": "state", **state} for state in states)):
        kept = orjson.loads(remove_results(orjson.dumps(record), keep_json))
        found = [state["result"] for state in (kept, *kept.get("states", ())) if "result" in state]
        expected = left if record["kind"] == "task_run" or record["id"] == "1" else []
        assert found == expected


@pytest.mark.parametrize("line", [b'{"kind":"log","message":"\\"result\\": 1"}', b'"result": not JSON', b"{}"])
def test_remove_results_leaves_other_records_unchanged(line: bytes):
    assert remove_results(line, False) is line


def test_newest_refused_records_are_kept(home: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(import_module("prefect.outbox.store"), "MAX_REFUSED", 3)
    outbox = Outbox(home, "http://127.0.0.1:9/api")
    for number in range(5):
        outbox.acknowledge(Batch(0, []), Outcome({}, (), [(f"reason {number}", b"{}")]))
    assert [reason for reason, _ in outbox.read_refused()] == ["reason 4", "reason 3", "reason 2"]
