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


def test_get_run_logger_raises_outside_of_a_run():
    with pytest.raises(MissingContextError, match="no current flow or task run"):
        get_run_logger()


def test_run_logger_carries_the_ids_of_its_run(in_flow_run):
    assert get_run_logger(more=1).extra == {
        "flow_run_id": str(FLOW.flow_run_id),
        "flow_run_name": "ancient-magpie",
        "flow_name": "f",
        "deployment_name": None,
        "more": 1,
    }


def test_get_run_logger_accepts_a_context(in_flow_run):
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


def test_disabled_run_logger_works_outside_of_a_run(setup, stderr, recorded):
    setup()
    with disable_run_logger():
        get_run_logger().critical("unheard")
        with disable_run_logger():
            pass
        get_run_logger().critical("unheard")
    assert stderr.getvalue() == "" and not logging.getLogger("prefect.flow_runs").disabled
    with pytest.raises(MissingContextError):
        get_run_logger()


def test_disable_logger_restores_the_former_state():
    logger = get_logger("q")
    with pytest.raises(KeyError), disable_logger("prefect.q"):
        assert logger.disabled
        raise KeyError
    assert not logger.disabled


def test_eavesdropper_captures_the_logger_and_its_children():
    logger = logging.getLogger("prefect.zz")
    logger.setLevel(logging.INFO)
    with LogEavesdropper("prefect.zz") as captured:
        logger.warning("one")
        logging.getLogger("prefect.zz.y").info("two %s", 2)
        logger.debug("not this")
    logger.error("too late")
    assert captured.text() == "[WARNING]: one\n[INFO]: two 2"
    with LogEavesdropper("prefect.zz", level=logging.ERROR) as captured:
        logger.warning("one")
        logger.error("two")
    assert captured.text() == "[ERROR]: two"


@pytest.fixture
def read_messages(setup, stderr, recorded):
    """The messages that were logged."""
    setup()
    return lambda: [log["message"] for log in recorded]


def test_print_is_logged_in_a_run(read_messages, in_flow_run, recorded, capsys):
    with patch_print():
        print("a", "b", sep="-", end="!\n")
        print()
        print("two\nlines\n")
        print("%s %d", None)
        print("to stdout", file=sys.stdout)
        print("to stderr", file=sys.stderr, flush=True)
        print("   spaces  ", end="")
    assert read_messages() == ["a-b!", "", "two\nlines", "%s %d None", "to stdout", "to stderr", "   spaces"]
    assert {log["level"] for log in recorded} == {logging.INFO}
    assert capsys.readouterr().out == ""


def test_print_to_a_file_is_not_logged(read_messages, in_flow_run):
    buffer = io.StringIO()
    with patch_print():
        print("kept", file=buffer)
    assert buffer.getvalue() == "kept\n" and read_messages() == []


def test_print_of_another_thread_is_not_logged(read_messages, in_flow_run, capsys):
    with patch_print():
        thread = threading.Thread(target=print, args=("another",))
        thread.start()
        thread.join()
    assert capsys.readouterr().out == "another\n" and read_messages() == []


def test_nested_run_can_disable_log_prints(read_messages, in_flow_run, capsys):
    with patch_print():
        print("logged")
        with patch_print(False):
            print("printed")
        print("logged again")
    assert capsys.readouterr().out == "printed\n" and read_messages() == ["logged", "logged again"]


def test_print_outside_of_a_run_is_not_logged(capsys):
    with patch_print():
        print("plain")
    print_as_log("direct")
    assert capsys.readouterr().out == "plain\ndirect\n"


def test_last_patch_restores_print(in_flow_run):
    original = builtins.print
    first, second = patch_print(), patch_print()
    first.__enter__()
    second.__enter__()
    first.__exit__()
    assert builtins.print is print_as_log
    second.__exit__()
    assert builtins.print is original


def test_print_in_threads_is_logged_for_each_run(read_messages, recorded):
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


def test_patch_does_not_restore_over_a_foreign_print(monkeypatch):
    foreign = lambda *args: None
    original = builtins.print
    try:
        with patch_print():
            builtins.print = foreign
        assert builtins.print is foreign
    finally:
        builtins.print = original


def test_printing_handler_does_not_recurse(read_messages, in_flow_run, capsys):
    class Printing(logging.Handler):
        def emit(self, record):
            print("handled", record.getMessage())

    handler = Printing()
    logging.getLogger("prefect.flow_runs").addHandler(handler)
    with patch_print():
        print("once")
    assert read_messages() == ["once"] and capsys.readouterr().out == "handled once\n"


def test_logged_print_names_the_line_of_the_caller(read_messages, in_flow_run):
    seen = []
    logging.getLogger("prefect.flow_runs").addFilter(lambda record: seen.append(record.funcName) or True)
    with patch_print():
        print("here")
    assert seen == ["test_logged_print_names_the_line_of_the_caller"]


def record(**more) -> logging.LogRecord:
    made = logging.LogRecord("n", logging.INFO, "/x/y.py", 3, "hi %s", ("you",), None, "fn")
    made.__dict__.update(more)
    return made


def test_json_formatter_writes_record_attributes():
    found = json.loads(JsonFormatter("default", "", "%").format(record(u=uuid.UUID(int=2), d={"a": 1})))
    assert (found["msg"], found["args"], found["severity"], found["lineno"]) == ("hi %s", ["you"], "INFO", 3)
    assert (found["u"], found["d"], found["exc_info"]) == (str(uuid.UUID(int=2)), {"a": 1}, None)


def test_json_formatter_replaces_unserializable_values():
    found = json.loads(JsonFormatter("default", "", "%").format(record(odd={1: 2}, fine=1)))
    assert (found["odd"], found["fine"]) == ("<non-serializable: dict>", 1)


def test_json_formatter_pretty_format():
    assert "\n" not in JsonFormatter("default", "", "%").format(record())
    assert JsonFormatter("pretty", "", "%").format(record()).startswith('{\n  "name": "n",\n')
    with pytest.raises(ValueError, match="'other'"):
        JsonFormatter("other", "", "%")


def test_format_exception_info_fields():
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
def test_prefect_formatter_has_run_formats(name, line):
    form = PrefectFormatter("%(message)s", flow_run_fmt="F %(message)s", task_run_fmt="T %(message)s")
    assert form.format(record(name=name)) == line


def test_prefect_formatter_styles_and_defaults():
    form = PrefectFormatter("{message} {a}", style="{", flow_run_fmt="F {message} {a}", defaults={"a": 1})
    assert form.format(record()) == "hi you 1" and form.format(record(name="prefect.flow_runs")) == "F hi you 1"
    with pytest.raises(ValueError):
        PrefectFormatter("%(message)s", flow_run_fmt="no field")


def test_default_time_format_has_milliseconds():
    found = PrefectFormatter("%(asctime)s").format(record(created=1.5, msecs=500.0))
    assert found.endswith(",500") and PrefectFormatter("%(asctime)s", datefmt="%S").format(record(created=1.5)) == "01"


def test_print_is_logged_after_a_foreign_restore(caplog: pytest.LogCaptureFixture):
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
