"""Loggers of runs and of nothing, prints that are logged, and the formatters of files and tests."""

import builtins
import io
import json
import logging
import sys
import threading
import uuid

import pytest

from prefect.exceptions import MissingContextError
from prefect.logging import LogEavesdropper, disable_run_logger, get_logger, get_run_logger
from prefect.logging._identity import RunIdentity, run_identity
from prefect.logging.formatters import JsonFormatter, PrefectFormatter, format_exception_info
from prefect.logging.loggers import disable_logger, patch_print, print_as_log

FLOW = RunIdentity(flow_run_id=uuid.UUID(int=1), flow_run_name="ancient-magpie", flow_name="f")


@pytest.fixture
def in_flow_run():
    token = run_identity.set(FLOW)
    yield
    run_identity.reset(token)


def test_without_a_run_there_is_no_run_logger():
    with pytest.raises(MissingContextError, match="no current flow or task run"):
        get_run_logger()


def test_a_run_logger_carries_its_run(in_flow_run):
    assert get_run_logger(more=1).extra == {
        "flow_run_id": str(FLOW.flow_run_id),
        "flow_run_name": "ancient-magpie",
        "flow_name": "f",
        "deployment_name": None,
        "more": 1,
    }


def test_a_context_can_be_given(in_flow_run):
    class Run:
        id, name, flow_run_id = uuid.UUID(int=5), "given", FLOW.flow_run_id

    class Named:
        name = "n"

    class Context:
        task_run, task, flow_run, flow = None, None, Run(), Named()

    assert get_run_logger(Context()).extra["flow_run_name"] == "given"
    Context.task_run, Context.task = Run(), Named()
    extra = get_run_logger(Context()).extra
    assert (extra["task_run_name"], extra["task_name"], extra["flow_run_name"]) == ("given", "n", "ancient-magpie")
    with pytest.raises(TypeError, match="not int"):
        get_run_logger(3)


def test_disabled_run_loggers_work_outside_of_a_run(setup, stderr, recorded):
    setup()
    with disable_run_logger():
        get_run_logger().critical("unheard")
        with disable_run_logger():
            pass
        get_run_logger().critical("unheard")
    assert stderr.getvalue() == "" and not logging.getLogger("prefect.flow_runs").disabled
    with pytest.raises(MissingContextError):
        get_run_logger()


def test_a_disabled_logger_is_as_before_afterwards():
    logger = get_logger("q")
    with pytest.raises(KeyError), disable_logger("prefect.q"):
        assert logger.disabled
        raise KeyError
    assert not logger.disabled


def test_an_eavesdropper_hears_a_logger_and_those_below():
    logger = logging.getLogger("prefect.zz")
    logger.setLevel(logging.INFO)
    with LogEavesdropper("prefect.zz") as heard:
        logger.warning("one")
        logging.getLogger("prefect.zz.y").info("two %s", 2)
        logger.debug("not this")
    logger.error("too late")
    assert heard.text() == "[WARNING]: one\n[INFO]: two 2"
    with LogEavesdropper("prefect.zz", level=logging.ERROR) as heard:
        logger.warning("one")
        logger.error("two")
    assert heard.text() == "[ERROR]: two"


@pytest.fixture
def said(setup, stderr, recorded):
    """The messages that were logged."""
    setup()
    return lambda: [log["message"] for log in recorded]


def test_prints_are_logged_in_a_run(said, in_flow_run, recorded, capsys):
    with patch_print():
        print("a", "b", sep="-", end="!\n")
        print()
        print("two\nlines\n")
        print("%s %d", None)
        print("to stdout", file=sys.stdout)
        print("to stderr", file=sys.stderr, flush=True)
        print("   spaces  ", end="")
    assert said() == ["a-b!", "", "two\nlines", "%s %d None", "to stdout", "to stderr", "   spaces"]
    assert {log["level"] for log in recorded} == {logging.INFO}
    assert capsys.readouterr().out == ""


def test_prints_to_a_file_are_prints(said, in_flow_run):
    buffer = io.StringIO()
    with patch_print():
        print("kept", file=buffer)
    assert buffer.getvalue() == "kept\n" and said() == []


def test_prints_of_another_thread_are_prints(said, in_flow_run, capsys):
    with patch_print():
        thread = threading.Thread(target=print, args=("another",))
        thread.start()
        thread.join()
    assert capsys.readouterr().out == "another\n" and said() == []


def test_a_run_inside_may_print(said, in_flow_run, capsys):
    with patch_print():
        print("logged")
        with patch_print(False):
            print("printed")
        print("logged again")
    assert capsys.readouterr().out == "printed\n" and said() == ["logged", "logged again"]


def test_without_a_run_a_print_is_a_print(capsys):
    with patch_print():
        print("plain")
    print_as_log("direct")
    assert capsys.readouterr().out == "plain\ndirect\n"


def test_print_is_restored_by_the_last_user(in_flow_run):
    original = builtins.print
    first, second = patch_print(), patch_print()
    first.__enter__()
    second.__enter__()
    first.__exit__()
    assert builtins.print is print_as_log
    second.__exit__()
    assert builtins.print is original


def test_many_threads_print_for_their_own_runs(said, recorded):
    original, ready = builtins.print, threading.Barrier(8)

    def body(number: int) -> None:
        run_identity.set(RunIdentity(flow_run_id=uuid.UUID(int=number)))
        ready.wait()
        for _ in range(50):
            with patch_print():
                print(number)

    threads = [threading.Thread(target=body, args=(number,)) for number in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(recorded) == 400 and builtins.print is original
    assert all(log["flow_run_id"] == str(uuid.UUID(int=int(log["message"]))) for log in recorded)


def test_a_print_replaced_meanwhile_is_not_restored(monkeypatch):
    theirs = lambda *args: None
    original = builtins.print
    try:
        with patch_print():
            builtins.print = theirs
        assert builtins.print is theirs
    finally:
        builtins.print = original


def test_a_handler_that_prints_does_not_print_for_ever(said, in_flow_run, capsys):
    class Printing(logging.Handler):
        def emit(self, record):
            print("handled", record.getMessage())

    handler = Printing()
    logging.getLogger("prefect.flow_runs").addHandler(handler)
    with patch_print():
        print("once")
    assert said() == ["once"] and capsys.readouterr().out == "handled once\n"


def test_a_logged_print_comes_from_the_users_line(said, in_flow_run):
    seen = []
    logging.getLogger("prefect.flow_runs").addFilter(lambda record: seen.append(record.funcName) or True)
    with patch_print():
        print("here")
    assert seen == ["test_a_logged_print_comes_from_the_users_line"]


def record(**more) -> logging.LogRecord:
    made = logging.LogRecord("n", logging.INFO, "/x/y.py", 3, "hi %s", ("you",), None, "fn")
    made.__dict__.update(more)
    return made


def test_json_has_the_records_attributes():
    found = json.loads(JsonFormatter("default", "", "%").format(record(u=uuid.UUID(int=2), d={"a": 1})))
    assert (found["msg"], found["args"], found["severity"], found["lineno"]) == ("hi %s", ["you"], "INFO", 3)
    assert (found["u"], found["d"], found["exc_info"]) == (str(uuid.UUID(int=2)), {"a": 1}, None)


def test_json_replaces_what_it_cannot_hold():
    found = json.loads(JsonFormatter("default", "", "%").format(record(odd={1: 2}, fine=1)))
    assert (found["odd"], found["fine"]) == ("<non-serializable: dict>", 1)


def test_json_may_be_pretty():
    assert "\n" not in JsonFormatter("default", "", "%").format(record())
    assert JsonFormatter("pretty", "", "%").format(record()).startswith('{\n  "name": "n",\n')
    with pytest.raises(ValueError, match="'other'"):
        JsonFormatter("other", "", "%")


def test_an_exception_as_fields():
    try:
        raise ValueError("bad")
    except ValueError:
        info = sys.exc_info()
    found = format_exception_info(info)
    assert (found["type"], found["message"]) == ("ValueError", "bad") and "test_loggers.py" in found["traceback"]
    assert format_exception_info((None, None, None)) == {}
    formatted = json.loads(JsonFormatter("default", "", "%").format(record(exc_info=info)))
    assert formatted["exc_info"] == found


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("prefect.flow_runs", "F hi you"),
        ("prefect.task_runs", "T hi you"),
        ("prefect.flow_runs.part", "hi you"),
        ("other", "hi you"),
    ],
)
def test_runs_have_formats_of_their_own(name, line):
    form = PrefectFormatter("%(message)s", flow_run_fmt="F %(message)s", task_run_fmt="T %(message)s")
    assert form.format(record(name=name)) == line


def test_other_styles_and_defaults():
    form = PrefectFormatter("{message} {a}", style="{", flow_run_fmt="F {message} {a}", defaults={"a": 1})
    assert form.format(record()) == "hi you 1" and form.format(record(name="prefect.flow_runs")) == "F hi you 1"
    with pytest.raises(ValueError):
        PrefectFormatter("%(message)s", flow_run_fmt="no field")


def test_the_default_time_has_milliseconds():
    found = PrefectFormatter("%(asctime)s").format(record(created=1.5, msecs=500.0))
    assert found.endswith(",500") and PrefectFormatter("%(asctime)s", datefmt="%S").format(record(created=1.5)) == "01"


def test_prints_are_logged_though_somebody_restored_print_under_a_run(caplog: pytest.LogCaptureFixture):
    import builtins

    from prefect import flow

    original = builtins.print

    @flow(log_prints=True)
    def inner() -> None:
        print("from the inner")

    @flow(log_prints=True)
    def outer() -> None:
        builtins.print = original
        inner()

    outer()
    assert "from the inner" in caplog.messages
    assert builtins.print is original
