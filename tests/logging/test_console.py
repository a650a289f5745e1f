"""The console: its lines to the letter, its colours, and that it never fails whoever logs."""

import io
import logging
import re
import sys

import pytest

from prefect.logging import _ansi, get_logger
from prefect.logging.handlers import PrefectConsoleHandler
from prefect.logging.highlighters import PrefectConsoleHighlighter
from prefect.logging.loggers import PrefectLogAdapter

FLOW = {"flow_run_id": "f", "flow_run_name": "ancient-magpie", "flow_name": "f"}
TASK = {**FLOW, "task_run_id": "t", "task_run_name": "add-8de", "task_name": "add"}


@pytest.fixture(autouse=True)
def no_records(recorded):
    """Nothing of these tests goes to the journal."""


def flow_logger() -> PrefectLogAdapter:
    return PrefectLogAdapter(get_logger("prefect.flow_runs"), extra=FLOW)


def task_logger() -> PrefectLogAdapter:
    return PrefectLogAdapter(get_logger("prefect.task_runs"), extra=TASK)


def lines(stream: io.StringIO) -> list[str]:
    """What was written, without the time of day."""
    return [re.sub(r"^\d\d:\d\d:\d\d\.\d{3} \| ", "", line) for line in stream.getvalue().splitlines()]


def test_console_lines_name_their_run(setup, stderr):
    setup()
    task_logger().info("Finished in state %s", "Completed()")
    flow_logger().warning("Beginning")
    get_logger().error("Started")
    get_logger("x").critical("Broken")
    logging.getLogger("other").warning("theirs")
    assert lines(stderr) == [
        "INFO    | Task run 'add-8de' - Finished in state Completed()",
        "WARNING | Flow run 'ancient-magpie' - Beginning",
        "ERROR   | prefect - Started",
        "CRITICAL | prefect.x - Broken",
        "WARNING | other - theirs",
    ]
    assert re.match(r"\d\d:\d\d:\d\d\.\d{3} \| INFO ", stderr.getvalue())


def test_child_logger_uses_the_default_format(setup, stderr):
    setup()
    task_logger().getChild("part").info("hello")
    assert lines(stderr) == ["INFO    | prefect.task_runs.part - hello"]


def test_run_logger_record_without_run_uses_the_default_format(setup, stderr, monkeypatch):
    monkeypatch.setenv("PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW", "ignore")
    setup()
    logging.getLogger("prefect.flow_runs").info("no run")
    assert lines(stderr) == ["INFO    | prefect.flow_runs - no run"]


def test_console_shows_the_time_of_the_record(setup, stderr):
    setup()
    for created in (1.25, 1.5, 2.75, 1.25):
        record = logging.LogRecord("prefect", logging.INFO, __file__, 1, "x", (), None)
        record.created, record.msecs = created, created % 1 * 1000
        logging.getLogger("prefect").handle(record)
    assert [line[6:12] for line in stderr.getvalue().splitlines()] == ["01.250", "01.500", "02.750", "01.250"]


def test_console_writes_the_traceback_below_the_line(setup, stderr):
    setup()
    try:
        raise ValueError("bad")
    except ValueError:
        flow_logger().exception("oops")
    found = lines(stderr)
    assert found[:2] == ["ERROR   | Flow run 'ancient-magpie' - oops", "Traceback (most recent call last):"]
    assert found[-1] == "ValueError: bad"


def test_console_level_follows_the_setting(setup, stderr, monkeypatch):
    monkeypatch.setenv("PREFECT_LOGGING_LEVEL", "DEBUG")
    setup()
    flow_logger().debug("seen")
    assert lines(stderr) == ["DEBUG   | Flow run 'ancient-magpie' - seen"]


def test_console_colours_on_a_terminal(setup, terminal):
    setup()
    log = flow_logger()
    log.info("for flow 'my flow' see https://x.io/a?b=1 and file:///tmp/x or /tmp/y")
    for state in ("Completed", "Failed", "Cancelled", "Crashed", "Running", "Cached(type=COMPLETED) Cached"):
        log.info(state)
    for level in ("warning", "error", "critical"):
        getattr(log, level)("task run 'x'")
    prefix = "\x1b[36mINFO\x1b[0m    | Flow run\x1b[35m 'ancient-magpie'\x1b[0m - "
    assert lines(terminal) == [
        prefix + "for flow\x1b[1;35m 'my flow'\x1b[0m see \x1b[94mhttps://x.io/a?b=1\x1b[0m"
        " and \x1b[94mfile:///tmp/x\x1b[0m or /tmp/y",
        prefix + "\x1b[32mCompleted\x1b[0m",
        prefix + "\x1b[38;5;160mFailed\x1b[0m",
        prefix + "\x1b[38;5;184mCancelled\x1b[0m",
        prefix + "\x1b[91mCrashed\x1b[0m",
        prefix + "Running",
        prefix + "\x1b[94mCached\x1b[0m(type=COMPLETED) Cached",
        prefix.replace("36mINFO\x1b[0m   ", "38;5;184mWARNING\x1b[0m") + "task run 'x'",
        prefix.replace("36mINFO\x1b[0m   ", "38;5;160mERROR\x1b[0m  ") + "task run 'x'",
        prefix.replace("36mINFO\x1b[0m   ", "91mCRITICAL\x1b[0m") + "task run 'x'",
    ]


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"TERM": "xterm"}, "Failed\x1b[0m"),
        ({"TERM": "dumb"}, "- Failed"),
        ({"NO_COLOR": "1"}, "- Failed"),
        ({"PREFECT_LOGGING_COLORS": "false"}, "- Failed"),
    ],
)
def test_color_depth_by_environment(setup, terminal, monkeypatch, environment, expected):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    setup()
    flow_logger().info("Failed")
    assert expected in terminal.getvalue()
    assert ("\x1b[31mFailed" in terminal.getvalue()) == (environment == {"TERM": "xterm"})


def test_force_color_enables_colours(setup, stderr, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    setup()
    flow_logger().info("Failed")
    assert "\x1b[38;5;160mFailed\x1b[0m" in stderr.getvalue()


def test_painter_later_patterns_win():
    painter = _ansi.Painter([r"(?P<a>a.*e)", r"(?P<c>c)"], "", {"a": "red", "c": "bold blue"}, 256)
    assert painter.paint("-abcde-") == "-\x1b[31mab\x1b[0m\x1b[1;34mc\x1b[0m\x1b[31mde\x1b[0m-"


@pytest.mark.parametrize("style", ["red", "bold magenta", "yellow3", "red3", "#ff0000 on blue", "not a style at all"])
@pytest.mark.parametrize("depth", [1, 16, 256])
def test_escape_sequences_equal_those_of_rich(style, depth):
    from rich.color import ColorSystem
    from rich.errors import StyleSyntaxError
    from rich.style import Style

    Style.parse.cache_clear()  # a style of rich remembers the sequence it was first rendered with
    try:
        parsed = Style.parse(style)
    except StyleSyntaxError:
        assert _ansi.escape_sequence(style, depth) == ""
        return
    system = ColorSystem.EIGHT_BIT if depth == 256 else ColorSystem.STANDARD
    rendered = (parsed.without_color if depth == 1 else parsed).render("|", color_system=system)
    Style.parse.cache_clear()
    assert _ansi.escape_sequence(style, depth) == rendered.partition("|")[0]


@pytest.mark.parametrize(("markup", "expected"), [("true", "red and [/nope"), ("false", "[red]red[/red] and [/nope")])
def test_console_renders_markup(setup, stderr, monkeypatch, markup, expected):
    monkeypatch.setenv("PREFECT_LOGGING_MARKUP", markup)
    setup()
    flow_logger().info("[red]red[/red] and [/nope")
    assert lines(stderr) == ["INFO    | Flow run 'ancient-magpie' - " + expected]


def test_console_prints_invalid_markup_verbatim(setup, stderr, monkeypatch):
    monkeypatch.setenv("PREFECT_LOGGING_MARKUP", "true")
    setup()
    flow_logger().info("[/nope]")
    assert lines(stderr) == ["INFO    | Flow run 'ancient-magpie' - [/nope]"]


class Numbers(PrefectConsoleHighlighter):
    highlights = [*PrefectConsoleHighlighter.highlights, r"(?P<number>\d+)"]


class ByRich(Numbers):
    def highlight(self, text):
        super().highlight(text)


@pytest.mark.parametrize("highlighter", [Numbers, ByRich])
def test_console_uses_a_custom_highlighter(terminal, highlighter):
    handler = PrefectConsoleHandler(terminal, highlighter=highlighter, styles={"log.number": "red"}, level="INFO")
    assert handler.level == logging.INFO
    handler.emit(logging.LogRecord("n", 20, __file__, 1, "answer %d", (42,), None))
    assert terminal.getvalue() == "answer \x1b[31m42\x1b[0m\n"


def test_highlighters_work_in_a_rich_console():
    from rich.console import Console
    from rich.theme import Theme

    stream = io.StringIO()
    theme = Theme({"log.completed_state": "green"}, inherit=False)
    options = {"force_terminal": True, "color_system": "standard", "width": 80}
    Console(file=stream, highlighter=PrefectConsoleHighlighter(), theme=theme, **options).print("Completed")
    assert stream.getvalue() == "\x1b[32mCompleted\x1b[0m\n"


def test_handler_console_is_a_rich_console(setup, stderr):
    setup()
    logging.root.handlers[0].console.print("hello")
    assert stderr.getvalue() == "hello\n"


def test_console_follows_a_replaced_stderr(setup, stderr, monkeypatch):
    setup()
    later = io.StringIO()
    monkeypatch.setattr(sys, "stderr", later)
    get_logger().info("hello")
    assert (lines(stderr), lines(later)) == ([], ["INFO    | prefect - hello"])


def test_invalid_arguments_are_reported_in_one_line(setup, stderr):
    setup()
    for _ in range(3):
        task_logger().info("%d", "x")
    assert len(lines(stderr)) == 1
    assert re.match(
        r"A log record of 'prefect.task_runs' \(.*test_console.py:\d+\) was not written: TypeError: ", stderr.getvalue()
    )


def test_broken_argument_or_closed_stream_does_not_fail_the_caller(setup, stderr, monkeypatch):
    class Broken:
        def __str__(self):
            raise RuntimeError("no text")

    setup()
    flow_logger().info("%s", Broken())
    assert "RuntimeError: no text" in stderr.getvalue()
    stderr.close()
    flow_logger().info("nowhere to go")


def test_stream_without_the_character_gets_an_escape():
    raw = io.BytesIO()
    handler = PrefectConsoleHandler(io.TextIOWrapper(raw, encoding="ascii"))
    handler.emit(logging.LogRecord("n", 20, __file__, 1, "é", (), None))
    assert raw.getvalue() == b"\\xe9\n"


def test_record_names_the_line_of_the_caller(setup, recorded, stderr):
    seen = []
    setup()
    logger = get_logger("prefect.flow_runs")
    logger.addFilter(lambda record: seen.append((record.filename, record.funcName)) or True)
    flow_logger().info("plain")
    flow_logger().info("with", extra={"a": 1})
    flow_logger().log(logging.INFO, "log")
    assert seen == [("test_console.py", "test_record_names_the_line_of_the_caller")] * 3
