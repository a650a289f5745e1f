"""Testing commands: running a command line in this process, and assertions on what it printed."""

from __future__ import annotations

import io
import os
import shlex
import sys
import textwrap
from collections.abc import Generator, Iterable
from contextlib import chdir, contextmanager, nullcontext, redirect_stderr, redirect_stdout
from typing import TYPE_CHECKING, Any
from unittest import mock

from prefect._lazy import lazy

if TYPE_CHECKING:
    from rich.console import Console

    from prefect import cli
else:
    cli = lazy("prefect.cli")

__all__ = ["CycloptsCliRunner", "CycloptsResult", "check_contains", "invoke_and_assert", "temporary_console_width"]


class CycloptsResult:
    """What a command line came to.

    Args:
        stdout: What it printed.
        stderr: What it printed as errors, questions and notices.
        exit_code: 0 when all went well.
        exception: What it raised, beside the exit.

    Attributes:
        output: Both, what it printed first.
    """

    def __init__(self, stdout: str, stderr: str, exit_code: int, exception: BaseException | None) -> None:
        self.stdout = stdout
        self.stderr = stderr
        self.exit_code = exit_code
        self.exception = exception
        self.output = stdout + stderr


class CycloptsCliRunner:
    """Runs command lines of `prefect` in this process."""

    def invoke(self, args: str | list[str], input: str | None = None) -> CycloptsResult:
        """Run a command line.

        Args:
            args: What follows `prefect`.
            input: What is typed.
        """
        words = shlex.split(args) if isinstance(args, str) else [str(arg) for arg in args]
        out, err, exception = io.StringIO(), io.StringIO(), None
        code = 0
        with redirect_stdout(out), redirect_stderr(err), mock.patch.object(sys, "stdin", io.StringIO(input or "")):
            try:
                cli.main(words)
            except SystemExit as stopped:
                code = stopped.code if isinstance(stopped.code, int) else int(stopped.code is not None)
            except Exception as error:  # whatever it is, it is the outcome
                code, exception = 1, error
        return CycloptsResult(out.getvalue(), err.getvalue(), code, exception)


def check_contains(cli_result: CycloptsResult, content: str, should_contain: bool) -> None:
    """Fail when the output lacks a text that it should contain, or the other way round.

    Args:
        cli_result: What the command line came to.
        content: The text; its indentation and the spaces at line ends do not count.
        should_contain: Whether the output should contain it.

    Raises:
        AssertionError: It is otherwise.
    """
    wanted, output = _plain(textwrap.dedent(content)), _plain(cli_result.output)
    if (wanted in output) is not should_contain:
        verb = "does not contain" if should_contain else "contains"
        raise AssertionError(f"The output {verb} {wanted!r}. It is:\n{output}")


def _plain(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


def invoke_and_assert(
    command: str | list[str],
    user_input: str | None = None,
    prompts_and_responses: list[tuple[str, str] | tuple[str, str, str]] | None = None,
    expected_output: str | None = None,
    expected_output_contains: str | Iterable[str] | None = None,
    expected_output_does_not_contain: str | Iterable[str] | None = None,
    expected_line_count: int | None = None,
    expected_code: int | None = 0,
    echo: bool = True,
    temp_dir: str | None = None,
) -> CycloptsResult:
    """Run a command line and fail when it does not come to what is expected.

    Args:
        command: What follows `prefect`.
        user_input: What is typed.
        prompts_and_responses: Questions that are asked, each with what is typed then; a third text must be there too.
        expected_output: The whole output.
        expected_output_contains: Texts that the output contains.
        expected_output_does_not_contain: Texts that it does not contain.
        expected_line_count: How many lines the output has.
        expected_code: The exit code; None accepts any.
        echo: Print the output, so that the report of a failing test shows it.
        temp_dir: The directory to run in.

    Raises:
        AssertionError: Something is not as expected.
        ValueError: Both `user_input` and `prompts_and_responses` are given.
    """
    wanted = _texts(expected_output_contains)
    if prompts_and_responses:
        if user_input is not None:
            raise ValueError("Give either `user_input` or `prompts_and_responses`.")
        user_input = "".join(f"{response}\n" for _, response, *_rest in prompts_and_responses)
        wanted += [text for prompt, _, *rest in prompts_and_responses for text in (prompt, *rest)]
    with chdir(temp_dir) if temp_dir else nullcontext():
        result = CycloptsCliRunner().invoke(command, user_input)
    if echo:
        print(result.output)  # noqa: T201
    if expected_code is not None and result.exit_code != expected_code:
        raise AssertionError(
            f"The exit code is {result.exit_code}, expected {expected_code}. The output is:\n{result.output}"
        ) from result.exception
    if expected_output is not None:
        found, expected = _plain(result.output), _plain(textwrap.dedent(expected_output))
        assert found == expected, f"The output is:\n{found}\nexpected:\n{expected}"
    for content in wanted:
        check_contains(result, content, should_contain=True)
    for content in _texts(expected_output_does_not_contain):
        check_contains(result, content, should_contain=False)
    if expected_line_count is not None:
        lines = len(result.output.strip().splitlines())
        assert lines == expected_line_count, f"The output has {lines} lines, expected {expected_line_count}."
    return result


def _texts(text_or_texts: str | Iterable[str] | None) -> list[str]:
    return [text_or_texts] if isinstance(text_or_texts, str) else list(text_or_texts or ())


@contextmanager
def temporary_console_width(console: Console, width: int) -> Generator[None]:
    """Give a console of `rich` another width, in characters, inside the block."""
    settable: Any = console
    before = settable._width
    with mock.patch.dict(os.environ, {"COLUMNS": str(width)}):
        settable.width = width
        try:
            yield
        finally:
            settable._width = before
