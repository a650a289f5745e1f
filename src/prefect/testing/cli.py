"""Test support for commands: run a command line in this process and check its output."""

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
    """Result of a command line.

    Args:
        stdout: Standard output.
        stderr: Standard error: errors, prompts and notices.
        exit_code: Exit code.
        exception: Exception other than SystemExit, or None.

    Attributes:
        output: Standard output followed by standard error.
    """

    def __init__(self, stdout: str, stderr: str, exit_code: int, exception: BaseException | None) -> None:
        self.stdout = stdout
        self.stderr = stderr
        self.exit_code = exit_code
        self.exception = exception
        self.output = stdout + stderr


class CycloptsCliRunner:
    """Runs `prefect` command lines in this process."""

    def invoke(self, args: str | list[str], input: str | None = None) -> CycloptsResult:
        """Run a command line.

        Args:
            args: Arguments after `prefect`.
            input: Text for standard input.
        """
        words = shlex.split(args) if isinstance(args, str) else [str(arg) for arg in args]
        out, err, exception = io.StringIO(), io.StringIO(), None
        code = 0
        with redirect_stdout(out), redirect_stderr(err), mock.patch.object(sys, "stdin", io.StringIO(input or "")):
            try:
                cli.main(words)
            except SystemExit as stopped:
                code = stopped.code if isinstance(stopped.code, int) else int(stopped.code is not None)
            except Exception as error:  # any error is part of the result
                code, exception = 1, error
        return CycloptsResult(out.getvalue(), err.getvalue(), code, exception)


def check_contains(cli_result: CycloptsResult, content: str, should_contain: bool) -> None:
    """Assert that the output contains a text, or does not.

    Args:
        cli_result: Result of a command line.
        content: The text; indentation and trailing spaces are ignored.
        should_contain: Whether the output should contain it.

    Raises:
        AssertionError: The check failed.
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
    """Run a command line and assert its result.

    Args:
        command: Arguments after `prefect`.
        user_input: Text for standard input.
        prompts_and_responses: Expected prompts and the responses to them; a third element must be in the output too.
        expected_output: The complete output.
        expected_output_contains: Texts that the output must contain.
        expected_output_does_not_contain: Texts that the output must not contain.
        expected_line_count: Number of lines of the output.
        expected_code: Exit code; None accepts any.
        echo: Whether to print the output, so that a failing test's report shows it.
        temp_dir: Working directory.

    Raises:
        AssertionError: A check failed.
        ValueError: Both `user_input` and `prompts_and_responses` are passed.
    """
    wanted = _texts(expected_output_contains)
    if prompts_and_responses:
        if user_input is not None:
            raise ValueError("Pass either `user_input` or `prompts_and_responses`.")
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
    """Set the width of a rich console, in characters, inside the block."""
    settable: Any = console
    before = settable._width
    with mock.patch.dict(os.environ, {"COLUMNS": str(width)}):
        settable.width = width
        try:
            yield
        finally:
            settable._width = before
