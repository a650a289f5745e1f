"""What is recorded of a run's logs, with which ids, and what is kept out."""

import asyncio
import logging
import uuid
import warnings
from datetime import datetime, timezone

import pytest

from prefect import journal
from prefect.exceptions import MissingContextError
from prefect.journal import reader
from prefect.logging import get_logger, get_run_logger, handlers
from prefect.logging._identity import RunIdentity, run_identity
from prefect.logging.filters import SECRET_SETTINGS, ObfuscateApiKeyFilter, redact_substr
from prefect.logging.loggers import PrefectLogAdapter, flow_run_logger, get_worker_logger, task_run_logger
from prefect.settings import temporary_settings

FLOW_RUN, TASK_RUN = uuid.UUID(int=1), uuid.UUID(int=2)


@pytest.fixture
def in_task_run():
    identity = RunIdentity(FLOW_RUN, "ancient-magpie", "f", TASK_RUN, "add-8de", "add")
    token = run_identity.set(identity)
    yield identity
    run_identity.reset(token)


def logs_in(home) -> list[dict]:
    return [record for _, records in reader.read(home) for record in records if record["kind"] == "log"]


def test_api_handler_records_fields_of_a_task_run(setup, stderr, recorded, in_task_run):
    setup()
    before = datetime.now(timezone.utc)
    get_run_logger().warning("hello %s", "you")
    [log] = recorded
    assert before <= log.pop("timestamp") <= datetime.now(timezone.utc)
    assert log == {
        "name": "prefect.task_runs",
        "level": 30,
        "message": "hello you",
        "flow_run_id": str(FLOW_RUN),
        "task_run_id": str(TASK_RUN),
    }


def test_api_handler_appends_to_the_journal(setup, stderr, home, in_task_run):
    setup()
    journal.use(home)
    get_run_logger().info("kept")
    logging.getLogger("prefect.task_runs").handlers[0].flush()
    [record] = logs_in(home)
    assert (record["message"], record["task_run_id"]) == ("kept", str(TASK_RUN))
    assert uuid.UUID(record["id"]).version == 7 and record["timestamp"].endswith("Z")


async def test_aflush_waits_for_the_journal(setup, stderr, home, in_task_run):
    setup()
    journal.use(home)
    get_run_logger().info("kept")
    await handlers.APILogHandler.aflush()
    assert len(logs_in(home)) == 1


def test_flow_run_logger_keeps_its_run_inside_another_run(setup, stderr, recorded, in_task_run):
    setup()
    flow_run_logger(flow_run_id=uuid.UUID(int=7)).info("elsewhere")
    assert (recorded[0]["flow_run_id"], recorded[0]["task_run_id"]) == (str(uuid.UUID(int=7)), None)


def test_child_logger_records_are_stored(setup, stderr, recorded, in_task_run):
    setup()
    get_run_logger().getChild("part", extra={"a": 1}).info("hello")
    assert (recorded[0]["name"], recorded[0]["task_run_id"]) == ("prefect.task_runs.part", str(TASK_RUN))


def test_api_handler_includes_the_traceback(setup, stderr, recorded, in_task_run):
    setup()
    try:
        raise ValueError("bad")
    except ValueError:
        get_run_logger().exception("oops")
    assert recorded[0]["message"].startswith("oops\nTraceback (most recent call last):\n")
    assert recorded[0]["message"].endswith("\nValueError: bad")


async def test_run_logger_is_separate_for_each_coroutine(setup, stderr, recorded):
    setup()

    async def body(number: int) -> None:
        run_identity.set(RunIdentity(flow_run_id=uuid.UUID(int=number)))
        await asyncio.sleep(0)
        get_run_logger().info(str(number))

    await asyncio.gather(*(body(number) for number in range(1, 6)))
    assert all(log["flow_run_id"] == str(uuid.UUID(int=int(log["message"]))) for log in recorded) and len(recorded) == 5


def test_api_handler_skips_records_with_send_to_api_false(setup, stderr, recorded, in_task_run):
    setup()
    get_run_logger().info("console only", extra={"send_to_api": False})
    assert recorded == [] and "console only" in stderr.getvalue()


def test_api_handler_is_off_when_disabled_by_setting(setup, stderr, recorded, in_task_run):
    setup()
    with temporary_settings({"logging.to_api.enabled": False}):
        get_run_logger().info("console only")
    assert recorded == []


def test_api_handler_warns_at_the_caller_outside_of_a_run(setup, stderr, recorded):
    setup()
    with pytest.warns(UserWarning, match="without a flow run id: it was used outside of a flow or task run") as found:
        logging.getLogger("prefect.flow_runs").info("lost")
    assert found[0].filename == __file__ and recorded == []


def test_api_handler_raises_or_ignores_outside_of_a_run_by_setting(setup, stderr, recorded):
    setup()
    logger = logging.getLogger("prefect.flow_runs")
    with temporary_settings({"logging.to_api.when_missing_flow": "error"}), pytest.raises(MissingContextError):
        logger.info("lost")
    with temporary_settings({"logging.to_api.when_missing_flow": "ignore"}), warnings.catch_warnings():
        warnings.simplefilter("error")
        logger.info("lost")
    assert recorded == []


@pytest.mark.parametrize("letter", ["x", "é", "\ud800"])
def test_api_handler_truncates_long_messages(setup, stderr, recorded, in_task_run, letter):
    setup()
    with temporary_settings({"logging.to_api.max_log_size": 1000}):
        get_run_logger().info("short")
        get_run_logger().info(letter * 2000)
    assert recorded[0]["message"] == "short"
    cut = recorded[1]["message"]
    assert cut.endswith("... [truncated]") and 600 < len(cut.encode("utf-8", "backslashreplace")) <= 700


def test_extra_logger_records_are_stored_once(setup, stderr, recorded, in_task_run, monkeypatch):
    monkeypatch.setenv("PREFECT_LOGGING_EXTRA_LOGGERS", "extra_lib,extra_lib.part")
    setup()
    logging.getLogger("extra_lib.part").warning("theirs")
    logging.getLogger("not_extra").warning("not theirs")
    assert [(log["name"], log["flow_run_id"], log["task_run_id"]) for log in recorded] == [
        ("extra_lib.part", FLOW_RUN, TASK_RUN)
    ]


SECRETS = {
    "api.key": "the-api-key",
    "api.auth_string": "admin:pass",
    "server.api.auth_string": "server:pass",
    "server.database.password": "db-password",
    "server.database.connection_url": "postgresql+asyncpg://me:url-password@host/db",
}


def test_secret_settings_lists_every_secret():
    from prefect.settings import Settings
    from prefect.settings.legacy import all_leaves, canonical_setting

    assert Settings
    secret = {name for name in all_leaves() if canonical_setting(name).is_secret}
    assert secret == set(SECRET_SETTINGS) == set(SECRETS)


@pytest.mark.parametrize("name", SECRETS)
def test_secrets_are_redacted_everywhere(setup, stderr, recorded, in_task_run, name):
    secret = "url-password" if name.endswith("connection_url") else SECRETS[name]
    setup()
    with temporary_settings({name: SECRETS[name]}):
        log = get_run_logger()
        log.info(f"in the message: {secret}")
        log.info("in arguments: %s %s", secret, [secret, {"a": (secret,)}])
        logging.getLogger("theirs").warning("other loggers: %s", secret)
        try:
            raise ValueError(secret)
        except ValueError:
            log.exception("in a traceback")
    log.info("afterwards: %s", secret)
    seen = stderr.getvalue().partition("afterwards")[0] + "".join(log["message"] for log in recorded[:-1])
    assert secret not in seen and seen.count("********") > 8
    assert secret in recorded[-1]["message"]


def test_filter_redacts_message_and_arguments():
    record = logging.LogRecord("n", 20, __file__, 1, "k3y %s", (["k3y"],), None)
    with temporary_settings({"api.key": "k3y"}):
        assert ObfuscateApiKeyFilter().filter(record)
    assert record.getMessage() == "******** ['********']"


def test_redact_substr_is_recursive():
    found = redact_substr({"a": "xx KEY", "b": ["KEY", ("KEY", 1)], "KEY": {"KEY"}, "n": None}, "KEY")
    assert found == {"a": "xx ********", "b": ["********", ("********", 1)], "********": {"********"}, "n": None}


def test_failing_sink_does_not_fail_the_caller(setup, stderr, in_task_run):
    setup()
    handlers.set_api_log_sink(lambda log: 1 / 0)
    get_run_logger().info("hello")
    assert "ZeroDivisionError" in stderr.getvalue() and "hello" in stderr.getvalue()


class Worker:
    type, name, backend_id = "process", "One", uuid.UUID(int=9)


class FlowRun:
    id, name, deployment_id, parent_task_run_id = FLOW_RUN, "fr", None, None


class TaskRun:
    id, name, flow_run_id = TASK_RUN, "tr", FLOW_RUN


class Flow:
    name = "flow"


class Task:
    name = "task"


def test_worker_handler_records_the_worker_id(setup, stderr, recorded):
    setup()
    get_worker_logger(Worker()).info("hello")
    assert recorded[0]["worker_id"] == str(Worker.backend_id) and recorded[0]["name"] == "prefect.workers.process.one"
    get_worker_logger(Worker(), "named").info("not of workers")
    nameless = Worker()
    nameless.backend_id = None
    get_worker_logger(nameless).info("unknown to the server")
    assert len(recorded) == 1


def test_run_loggers_by_run_object():
    flow = {"flow_run_id": str(FLOW_RUN), "flow_run_name": "fr", "flow_name": "flow"}
    assert flow_run_logger(FlowRun(), Flow(), a=1).extra == {**flow, "deployment_name": None, "a": 1}
    task = {"task_run_id": str(TASK_RUN), "task_run_name": "tr", "task_name": "task"}
    assert task_run_logger(TaskRun(), Task(), FlowRun(), Flow(), a=1).extra == {**task, **flow, "a": 1}
    unknown = {"flow_run_name": "<unknown>", "flow_name": "<unknown>", "task_name": "<unknown>"}
    assert task_run_logger(TaskRun()).extra == {**task, **flow, **unknown}


def test_adapter_merges_extra_of_the_call():
    adapter = PrefectLogAdapter(logging.getLogger("z"), extra={"a": 1})
    assert adapter.process("m", {"extra": {"b": 2}}) == ("m", {"extra": {"a": 1, "b": 2}})
    assert adapter.process("m", {}) == ("m", {"extra": {"a": 1}})
    assert PrefectLogAdapter(logging.getLogger("z"), None).process("m", {})[1] == {"extra": {}}
    assert adapter.extra == {"a": 1}


def test_get_logger_prefixes_names():
    names = {name: get_logger(name).name for name in (None, "prefect", "x", "prefect.x", "prefectx")}
    assert names == {
        None: "prefect",
        "prefect": "prefect",
        "x": "prefect.x",
        "prefect.x": "prefect.x",
        "prefectx": "prefect.prefectx",
    }


def test_flow_run_logger_needs_a_run():
    with pytest.raises(ValueError, match="'flow_run' or 'flow_run_id'"):
        flow_run_logger()
