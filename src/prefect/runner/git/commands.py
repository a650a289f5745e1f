"""Run git with credentials that appear in no command line, file or message.

They are passed in the environment of the git process, as a credential helper for the repository's own host only.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote, unquote, urlsplit, urlunsplit

_HELPER = (
    '!f() { test "$1" = get && printf "username=%s\\npassword=%s\\n" '
    '"$PREFECT__GIT_USERNAME" "$PREFECT__GIT_PASSWORD"; }; f'
)


class GitError(RuntimeError):
    """A git command failed; the message is what git said, without credentials."""


class Login(NamedTuple):
    """A user name and password for one host."""

    username: str
    password: str


def split_login(url: str) -> tuple[str, Login | None]:
    """Return a URL without the user name and password in it, and these; only http and https URLs are changed."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or parts.username is None:
        return url, None
    host = parts.netloc.rpartition("@")[2]
    # A user name alone is a token, as hosting services accept it.
    login = Login(unquote(parts.username), unquote(parts.password or parts.username))
    return urlunsplit(parts._replace(netloc=host)), login


class Git:
    """Runs git commands for one repository.

    Args:
        url: The repository's URL, without credentials.
        login: What to log in to its host with.
    """

    def __init__(self, url: str, login: Login | None = None) -> None:
        self._login = login
        self._environment = _build_environment(url, login)

    def run(self, *arguments: str | Path, directory: Path | None = None) -> str:
        """Run a command and return what it printed.

        Raises:
            GitError: It failed, or git is not installed.
        """
        words = [str(argument) for argument in arguments]
        try:
            done = subprocess.run(
                ["git", *words],
                cwd=directory,
                env={**os.environ, **self._environment},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
            )
        except FileNotFoundError as error:
            if directory is not None and not directory.is_dir():
                raise GitError(f"There is no directory {str(directory)!r}.") from error
            raise GitError("git was not found: install it, or add its directory to PATH.") from error
        if done.returncode != 0:
            reason = " ".join(self.redact(done.stderr).split()) or f"exit code {done.returncode}"
            raise GitError(f"git {words[0]} failed: {reason}")
        return done.stdout

    def succeeds(self, *arguments: str | Path, directory: Path | None = None) -> bool:
        """Run a command and return whether it succeeded."""
        try:
            self.run(*arguments, directory=directory)
        except GitError:
            return False
        return True

    def redact(self, text: str) -> str:
        """Return a text with asterisks in place of the password."""
        if self._login is None:
            return text
        for secret in {self._login.password, quote(self._login.password, safe="")} - {""}:
            text = text.replace(secret, "********")
        return text


def _build_environment(url: str, login: Login | None) -> Mapping[str, str]:
    environment = {"GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
    if login is None:
        return environment
    parts = urlsplit(url)
    key = f"credential.{parts.scheme}://{parts.netloc}.helper"
    # The configuration that the user set in the environment stays. An empty helper turns the machine's own ones off.
    count = int(os.environ.get("GIT_CONFIG_COUNT") or 0)
    for index, value in enumerate(("", _HELPER), start=count):
        environment[f"GIT_CONFIG_KEY_{index}"] = key
        environment[f"GIT_CONFIG_VALUE_{index}"] = value
    environment["GIT_CONFIG_COUNT"] = str(count + 2)
    environment["PREFECT__GIT_USERNAME"], environment["PREFECT__GIT_PASSWORD"] = login
    return environment
