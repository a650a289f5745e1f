"""The log of a worker: which lines are in it, and what becomes of them until the server has said the worker's id."""

from __future__ import annotations

import asyncio
import logging
from typing import Any
from uuid import UUID

import pytest
from pydantic import BaseModel, ValidationError

from prefect.logging import worker_log
from prefect.logging.handlers import emit_api_log
from prefect.logging.loggers import flow_run_logger, get_logger, get_worker_logger
from prefect.logging.worker_log import WorkerLog
from prefect.settings import temporary_settings

ONE, TWO = UUID(int=1), UUID(int=2)


def read(recorded: list[dict[str, Any]]) -> list[tuple[Any, str]]:
    return [(line["worker_id"], line["message"]) for line in recorded]


def test_lines_wait_for_the_id_of_the_worker(setup, stderr, recorded):
    setup()
    log = WorkerLog()
    with log.record_lines():
        get_logger("workers.process.one").info("before")
        assert recorded == []
        log.identify(ONE)
        get_logger("runner").warning("after")
    assert read(recorded) == [(str(ONE), "before"), (str(ONE), "after")]
    assert [(line["flow_run_id"], line["level"]) for line in recorded] == [(None, 20), (None, 30)]


def test_lines_that_wait_are_bounded(setup, stderr, recorded, monkeypatch):
    monkeypatch.setattr(worker_log, "MAX_WAITING_LINES", 2)
    setup()
    log = WorkerLog()
    with log.record_lines():
        for number in range(4):
            get_logger("workers").info("%d", number)
    log.identify(ONE)
    assert [line["message"] for line in recorded] == ["2", "3"]


def test_server_without_logs_of_workers_is_sent_none(setup, stderr, recorded):
    setup()
    log = WorkerLog()
    with log.record_lines():
        get_logger("workers").info("dropped")
        log.identify(None)
        log.identify(ONE)
    assert recorded == []


@pytest.mark.parametrize("name", ["flow_runs", "flow_runs.worker", "task_runs", "outbox", "journal.writer"])
def test_lines_of_runs_and_of_the_delivery_are_not_in_it(name, setup, stderr, recorded):
    setup()
    log = WorkerLog()
    log.identify(ONE)
    with log.record_lines(), temporary_settings({"logging.to_api.when_missing_flow": "ignore"}):
        get_logger(name).error("not of the worker")
    assert recorded == []


def test_line_of_a_run_is_with_the_run_alone(setup, stderr, recorded):
    setup()
    log = WorkerLog()
    log.identify(ONE)
    with log.record_lines():
        flow_run_logger(flow_run_id=TWO, worker_id=str(ONE)).getChild("worker").error("lost")
    assert [(line["flow_run_id"], line.get("worker_id")) for line in recorded] == [(str(TWO), None)]


async def test_workers_of_one_process_have_logs_of_their_own(setup, stderr, recorded):
    setup()

    async def work(id_: UUID) -> None:
        log = WorkerLog()
        with log.record_lines():
            log.identify(id_)
            await asyncio.sleep(0)
            await asyncio.create_task(speak(id_))
            await asyncio.to_thread(get_logger("workers").info, "%s in a thread", id_.int)

    async def speak(id_: UUID) -> None:
        get_logger("workers").info("%s in a task", id_.int)

    await asyncio.gather(work(ONE), work(TWO))
    get_logger("workers").info("of no worker")
    found = sorted(read(recorded))
    assert found == [(str(id_), f"{id_.int} in a {place}") for id_ in (ONE, TWO) for place in ("task", "thread")]
    assert not any(isinstance(each, worker_log._WorkerLogHandler) for each in logging.getLogger("prefect").handlers)


def test_record_that_names_its_worker_is_recorded_once(setup, stderr, recorded):
    class Worker:
        type, name, backend_id = "process", "One", ONE

    setup()
    log = WorkerLog()
    log.identify(ONE)
    with log.record_lines():
        get_worker_logger(Worker()).info("hello")
    assert read(recorded) == [(str(ONE), "hello")]


def test_level_of_the_settings_decides_which_lines_are_in_it(setup, stderr, recorded):
    with temporary_settings({"logging.level": "WARNING"}):
        setup()
        log = WorkerLog()
        log.identify(ONE)
        with log.record_lines():
            get_logger("workers").info("too little")
            get_logger("workers").warning("enough")
        log.add_announcement("Worker 'one' started!")
    assert [line["message"] for line in recorded] == ["enough"]


def test_setting_of_logs_switches_it_off(setup, stderr, recorded):
    setup()
    log = WorkerLog()
    log.identify(ONE)
    with log.record_lines(), temporary_settings({"logging.to_api.enabled": False}):
        get_logger("workers").warning("kept here")
        log.add_announcement("Worker 'one' started!")
    assert recorded == []


def test_announcement_is_in_it_and_not_logged(setup, stderr, recorded):
    setup()
    log = WorkerLog()
    log.identify(ONE)
    log.add_announcement("Worker 'one' started!")
    assert (recorded[0]["name"], recorded[0]["message"]) == ("prefect.worker", "Worker 'one' started!")
    assert stderr.getvalue() == ""


def test_secrets_are_redacted_and_long_lines_cut(setup, stderr, recorded):
    with temporary_settings({"api.key": "pnu_secret", "logging.to_api.max_log_size": 2000}):
        setup()
        log = WorkerLog()
        log.identify(ONE)
        with log.record_lines():
            get_logger("workers").info("the key is pnu_secret")
            get_logger("workers").info("x" * 5000)
    assert "pnu_secret" not in recorded[0]["message"]
    assert len(recorded[1]["message"]) < 2000


def test_values_that_a_validation_error_quotes_are_not_in_it(setup, stderr, recorded):
    class Variables(BaseModel):
        limit: int

    values = {"limit": "hunter2"}
    setup()
    log = WorkerLog()
    log.identify(ONE)
    with log.record_lines():
        try:
            Variables.model_validate(values)
        except ValidationError as error:
            get_logger("workers").exception("The clean-up failed: %s", error)
    assert recorded[0]["message"].count("input_value=********, input_type=str") == 2
    assert "hunter2" not in recorded[0]["message"]


def test_line_that_cannot_be_recorded_does_not_fail_the_worker(setup, stderr, monkeypatch):
    setup()
    monkeypatch.setattr(worker_log, "emit_api_log", lambda line: 1 / 0)
    log = WorkerLog()
    log.identify(ONE)
    with log.record_lines():
        get_logger("workers").info("hello")
    assert "ZeroDivisionError" in stderr.getvalue()
    assert emit_api_log is not worker_log.emit_api_log
