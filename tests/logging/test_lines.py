"""Lines of the engine: the same text and journal record as the record route, whatever a program has configured."""

import logging
from typing import Any

import pytest

from prefect.logging import filters, lines, loggers
from prefect.logging._identity import RunIdentity
from prefect.settings import PREFECT_API_KEY, temporary_settings
from prefect.types import new_id

FLOW = RunIdentity(new_id(), "ancient-magpie", "etl", deployment_name="nightly")
TASK = RunIdentity(FLOW.flow_run_id, FLOW.flow_run_name, FLOW.flow_name, new_id(), "add-8de", "add")


def as_record(identity: RunIdentity, level: int, message: str) -> None:
    loggers.identity_logger(identity).log(level, message)


def plain(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return journal records without their times, with ids as text."""
    return [
        {name: str(value) if name.endswith("_id") else value for name, value in record.items() if name != "timestamp"}
        for record in records
    ]


@pytest.mark.parametrize("identity", [FLOW, TASK])
@pytest.mark.parametrize("level", [logging.DEBUG, logging.INFO, logging.ERROR])
@pytest.mark.parametrize("message", ["Finished in state Completed()", "100 % of {it}", "x" * 30_000])
def test_log_line_equals_a_record(identity, level, message, setup, stderr, recorded, monkeypatch):
    setup()
    monkeypatch.setattr(lines.time, "time", lambda: 1_700_000_000.25)
    monkeypatch.setattr(lines.time, "time_ns", lambda: 1_700_000_000_250_000_000)  # what records use since Python 3.13
    lines.log_line(identity, level, message)
    by_line, sent = stderr.getvalue(), plain(recorded)
    stderr.seek(0)
    stderr.truncate()
    recorded.clear()
    as_record(identity, level, message)
    assert by_line == stderr.getvalue()
    assert sent == plain(recorded)


def test_log_line_is_coloured_on_a_terminal(setup, terminal, recorded):
    setup()
    lines.log_line(TASK, logging.INFO, "Finished in state Completed()")
    first = terminal.getvalue()
    terminal.seek(0)
    terminal.truncate()
    as_record(TASK, logging.INFO, "Finished in state Completed()")
    assert "\x1b[" in first
    assert first[12:] == terminal.getvalue()[12:]


def test_log_line_takes_no_record_in_the_default_configuration(setup, stderr, recorded, monkeypatch):
    setup()
    monkeypatch.setattr(logging.Logger, "makeRecord", None)
    lines.log_line(TASK, logging.INFO, "hello")
    assert stderr.getvalue().endswith(" | INFO    | Task run 'add-8de' - hello\n")
    assert len(recorded) == 1


def test_log_line_reaches_added_handlers(setup, stderr, recorded):
    setup()
    with loggers.LogEavesdropper("prefect.task_runs") as captured:
        lines.log_line(TASK, logging.INFO, "hello")
    assert captured.text() == "[INFO]: hello"
    assert len(recorded) == 1


def test_log_line_passes_logger_filters(setup, stderr, recorded):
    setup()
    logging.getLogger("prefect.task_runs").addFilter(lambda record: "secret" not in record.getMessage())
    lines.log_line(TASK, logging.INFO, "secret")
    lines.log_line(TASK, logging.INFO, "open")
    assert [record["message"] for record in recorded] == ["open"]


def test_log_line_passes_handler_filters(setup, stderr, recorded):
    setup()
    (handler,) = logging.getLogger("prefect.task_runs").handlers
    handler.addFilter(lambda record: False)
    lines.log_line(TASK, logging.INFO, "hello")
    assert recorded == []
    assert "hello" in stderr.getvalue()


def test_log_line_uses_the_record_factory(setup, stderr, recorded, monkeypatch):
    setup()

    class Record(logging.LogRecord):
        def getMessage(self) -> str:
            return "replaced"

    monkeypatch.setattr(logging, "_logRecordFactory", Record)
    lines.log_line(TASK, logging.INFO, "hello")
    assert [record["message"] for record in recorded] == ["replaced"]


def test_log_line_uses_a_format_that_needs_a_record(setup, stderr, recorded, monkeypatch):
    monkeypatch.setenv("PREFECT_LOGGING_FORMATTERS_STANDARD_TASK_RUN_FMT", "%(threadName)s %(message)s")
    setup()
    lines.log_line(TASK, logging.INFO, "hello")
    assert stderr.getvalue() == "MainThread hello\n"


def test_log_line_redacts_secrets(setup, stderr, recorded):
    setup()
    with temporary_settings({PREFECT_API_KEY: "pnu_1234"}):
        lines.log_line(TASK, logging.INFO, "key pnu_1234")
    assert "pnu_1234" not in stderr.getvalue()
    assert recorded[0]["message"] == f"key {filters.MASK}"


def test_log_line_is_silent_when_the_logger_is_disabled(setup, stderr, recorded):
    setup()
    with loggers.disable_run_logger():
        lines.log_line(TASK, logging.ERROR, "hello")
    assert (stderr.getvalue(), recorded) == ("", [])


def test_log_line_does_not_fail_on_a_closed_stream(setup, stderr, recorded):
    setup()
    stderr.close()
    lines.log_line(TASK, logging.INFO, "hello")
    assert len(recorded) == 1


def test_record_of_a_line_has_the_place_that_logs_it(setup, monkeypatch):
    setup()
    records: list[logging.LogRecord] = []
    handler = logging.Handler()
    monkeypatch.setattr(handler, "emit", records.append)
    monkeypatch.setattr(loggers.get_logger(loggers.run_logger_name(TASK)), "handlers", [handler])
    lines.log_line(TASK, logging.INFO, "Finished in state %s", "Completed()")
    [record] = records
    assert (record.pathname, record.funcName) == (__file__, "test_record_of_a_line_has_the_place_that_logs_it")
    assert record.lineno > 1
