"""Run the code blocks of a documentation page from top to bottom and compare their output.

- A ```python block shares the namespace of the blocks above it. A ```text block directly below it is its output.
- A block whose first line is a comment with a file name (`# etl.py`) is written to that file instead.
- A ```console block has commands after `$ `, each followed by its output. A command must exit with 0 unless it
  ends with `# exits with 1`.

Ids, times and durations may have any value. `...` matches any text in a line and, alone on a line, any number of lines.
The output of a command without lines below it is not compared.
"""

import contextlib
import io
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from prefect import journal
from prefect.cli.core import app
from prefect.settings import context
from tools import original

_FILE = re.compile(r"# ([\w./-]+\.(?:py|toml|yml|yaml|env))$")
_EXIT = re.compile(r"\s+# exits with (\d+)$")
_CHANGING = (
    (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "<id>"),
    (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?( UTC)?", "<time>"),
    (r"\b\d\d:\d\d:\d\d\.\d{3}\b", "<time>"),
    (r"\bjust now\b|\b\d+ (second|minute)s? ago\b|(?<![\w.])<?[\d.]+(ms|s)\b", "<while>"),
    (r"(?<=\w)-[0-9a-f]{3}\b", "-<suffix>"),
    (r"\b[\d,]+ bytes\b", "<bytes>"),
    (r"\b[0-9a-f]{32}\b", "<hash>"),
    (r"\s+", " "),
)


class Block(NamedTuple):
    """A fenced block: language, text and line number."""

    language: str
    text: str
    line: int

    @property
    def file(self) -> str | None:
        """Name of the file to write the block to, or None."""
        named = _FILE.match(self.text.partition("\n")[0])
        return named[1] if named else None


class Command(NamedTuple):
    """A command with its expected exit code and output."""

    text: str
    code: int
    printed: str


def blocks(page: Path) -> list[Block]:
    """Return the blocks of a page in order."""
    text = page.read_text(encoding="utf-8")
    fences = re.finditer(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [Block(found[1], found[2], text.count("\n", 0, found.start()) + 2) for found in fences]


def commands(block: Block) -> Iterator[Command]:
    """Yield the commands of a console block."""
    for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
        line, _, printed = part.partition("\n")
        code = _EXIT.search(line)
        yield Command(_EXIT.sub("", line), int(code[1]) if code else 0, printed)


def run(page: Path, folder: Path, home: Path) -> None:
    """Run a page in a working directory, with `home` as its PREFECT_HOME.

    Raises:
        AssertionError: A command has another exit code or output than the page.
    """
    names: dict[str, Any] = {"__name__": page.stem.replace("-", "_")}
    printed = ""
    for block in blocks(page):
        where = f"{page.name}:{block.line}"
        if block.file is not None:
            target = folder / block.file
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(block.text, encoding="utf-8")
        elif block.language == "python":
            printed = _run_python(block, folder / f"{page.stem}_{block.line}.py", names)
        elif block.language == "text":
            assert_prints(printed, block.text, where)
        elif block.language == "console":
            for command in commands(block):
                _run_command(command, folder, home, where)


def _run_python(block: Block, file: Path, names: dict[str, Any]) -> str:
    # Run from a file, because sources and cache keys are computed from it.
    file.write_text(block.text, encoding="utf-8")
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(compile(block.text, file, "exec", dont_inherit=True), names)
    journal.flush()
    return printed.getvalue()


def _run_command(command: Command, folder: Path, home: Path, where: str) -> None:
    words = command.text.split()
    if words[0] == "prefect" and not set(command.text) & set("'\"$|<>"):
        code, printed = _run_here(words[1:])
    else:
        code, printed = _run_in_shell(command.text, folder, home)
    assert code == command.code, f"{where}: `{command.text}` exits with {code}:\n{printed}"
    if command.printed.strip():
        assert_prints(printed, command.printed, f"{where}: `{command.text}`")


def _run_here(arguments: list[str]) -> tuple[int, str]:
    """Run a `prefect` command in this process, which is faster, with freshly loaded settings."""
    context._process = None
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        code = app.run(arguments)
    context._process = None
    return code, printed.getvalue()


def _run_in_shell(text: str, folder: Path, home: Path) -> tuple[int, str]:
    variables = original.variables(home)
    del variables["PREFECT_SERVER_ANALYTICS_ENABLED"]  # for the original only; `config view` would show it
    variables["PATH"] = f"{Path(sys.executable).parent}:{variables['PATH']}"
    done = subprocess.run(
        ["sh", "-c", text],
        cwd=folder,
        env=variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return done.returncode, done.stdout


def assert_prints(printed: str, wanted: str, where: str) -> None:
    """Assert that the output matches, ignoring variable parts and `...`."""
    lines = [re.escape(_steady(line)).replace(r"\.\.\.", ".*") for line in wanted.strip().splitlines()]
    pattern = "".join(r"(?:[^\n]*\n)*" if line == ".*" else rf"{line}\n" for line in lines)
    found = "".join(f"{_steady(line)}\n" for line in printed.strip().splitlines())
    assert re.fullmatch(pattern, found), f"{where} prints\n{printed}\nand not\n{wanted}"


def _steady(line: str) -> str:
    for pattern, instead in _CHANGING:
        line = re.sub(pattern, instead, line)
    return line.strip()
