"""Code in a git repository."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from prefect._io import blocking
from prefect.logging.loggers import get_logger
from prefect.runner.git.commands import Git, GitError, split_login
from prefect.runner.git.credentials import GitCredentials, check_credentials, find_login, to_step_inputs

if TYPE_CHECKING:
    from prefect.blocks.core import Block

_COMMIT_SHA = re.compile(r"[0-9a-fA-F]{4,64}")

logger = get_logger("runner.storage")


class GitRepository:
    """The code of a git repository, cloned into a directory and kept up to date.

    Args:
        url: The repository's URL.
        credentials: A user name and an access token, or a credentials block.
        name: The name of the directory; by default that of the repository, with the branch.
        branch: The branch or tag; the repository's default branch if None.
        commit_sha: The commit, instead of a branch.
        include_submodules: Whether submodules are cloned as well.
        pull_interval: Seconds between updates while flows are served; None for none.
        directories: The only directories to check out.

    Raises:
        ValueError: The options contradict each other.
    """

    def __init__(
        self,
        url: str,
        credentials: GitCredentials | Block | dict[str, Any] | None = None,
        name: str | None = None,
        branch: str | None = None,
        commit_sha: str | None = None,
        include_submodules: bool = False,
        pull_interval: int | None = 60,
        directories: list[str] | None = None,
    ) -> None:
        check_credentials(credentials)
        if branch and commit_sha:
            raise ValueError("Cannot provide both a branch and a commit SHA. Please provide only one.")
        if commit_sha and not _COMMIT_SHA.fullmatch(commit_sha):
            raise ValueError(
                f"Invalid commit SHA: {commit_sha!r}. It has 4 to 64 hexadecimal digits; name a branch or tag as "
                "`branch`."
            )
        for option, value in (("repository", url), ("branch", branch or "")):
            if value.startswith("-"):  # git would take it for an option
                raise ValueError(f"Invalid {option}: {value!r}. It must not begin with a dash.")
        self._url, login = split_login(url)
        self._credentials = credentials
        self._git = Git(self._url, find_login(self._url, credentials) or login)
        self._has_login_in_url = login is not None
        self._branch = branch
        self._commit_sha = commit_sha
        self._include_submodules = include_submodules
        self._directories = directories
        self._pull_interval = pull_interval
        self._directory_name = name
        self._name = name or _default_name(self._url, branch)
        self._base_path = Path.cwd()

    def __eq__(self, value: object) -> bool:
        if not isinstance(value, GitRepository):
            return NotImplemented
        return self._identity() == value._identity()

    __hash__ = None  # pyright: ignore[reportAssignmentType]  # its base path can be changed

    def __repr__(self) -> str:
        return f"GitRepository(name={self._name!r} repository={self._url!r}, branch={self._branch!r})"

    def _identity(self) -> tuple[Any, ...]:
        return (self._url, self._branch, self._commit_sha, self._name, self._directories, self._include_submodules)

    @property
    def destination(self) -> Path:
        """The directory of the clone."""
        return self._base_path / self._name

    @property
    def pull_interval(self) -> int | None:
        """Seconds between updates; None for none."""
        return self._pull_interval

    def set_base_path(self, path: Path) -> None:
        """Set the directory that the clone is made in."""
        self._base_path = path

    async def is_sparsely_checked_out(self) -> bool:
        """Return whether the clone has some directories only."""
        return await self._has_output("config", "--get", "core.sparseCheckout", expect="true")

    async def is_shallow_clone(self) -> bool:
        """Return whether the clone lacks older commits."""
        return await self._has_output("rev-parse", "--is-shallow-repository", expect="true")

    async def is_current_commit(self) -> bool:
        """Return whether the clone is at the commit.

        Raises:
            ValueError: No commit was given.
        """
        if self._commit_sha is None:
            raise ValueError("There is no commit to compare with: pass `commit_sha`.")
        head = await blocking(self._git.run, "rev-parse", "HEAD", directory=self.destination)
        return head.strip().startswith(self._commit_sha.lower())

    async def _has_output(self, *arguments: str, expect: str) -> bool:
        try:
            return (await blocking(self._git.run, *arguments, directory=self.destination)).strip() == expect
        except GitError:
            return False

    async def pull_code(self) -> None:
        """Clone the repository, or bring an existing clone up to date.

        Raises:
            ValueError: The directory is a clone of another repository.
            RuntimeError: git failed.
        """
        logger.debug("Pulling %s into %s", self._url, self.destination)
        await blocking(self._pull)

    def _pull(self) -> None:
        if not (self.destination / ".git").exists():
            self._clone()
            return
        self._check_remote()
        try:
            self._update(self.destination)
        except GitError as error:
            logger.warning("Cloning %s again, because the clone could not be updated: %s", self._url, error)
            self._clone(replace=True)

    def _check_remote(self) -> None:
        remote = self._git.run("config", "--get", "remote.origin.url", directory=self.destination).strip()
        found = split_login(remote)[0]
        if found != self._url:
            raise ValueError(
                f"The existing repository at {str(self.destination)!r} is a clone of {found!r}, not of {self._url!r}: "
                "remove it, or give this clone another name."
            )

    def _clone(self, replace: bool = False) -> None:
        """Clone beside the destination and move it there, so that half a clone is never taken for one."""
        self._base_path.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(prefix=f".{self._name}-", dir=self._base_path))
        try:
            os.chmod(fresh, 0o755)
            self._clone_into(fresh)
            if replace:
                shutil.rmtree(self.destination)
            try:
                fresh.rename(self.destination)
            except OSError as error:
                if not (self.destination / ".git").exists():
                    raise RuntimeError(
                        f"The repository cannot be cloned to {str(self.destination)!r}, which has other files: "
                        "remove them, or give the clone another name."
                    ) from error
                self._update(self.destination)  # another process cloned it meanwhile
        finally:
            shutil.rmtree(fresh, ignore_errors=True)

    def _clone_into(self, directory: Path) -> None:
        if self._commit_sha is not None:
            options = ["--filter=blob:none", "--no-checkout"]
        else:
            options = ["--depth", "1", *(("--branch", self._branch) if self._branch else ())]
        if self._directories is not None:
            options += ["--sparse", "--filter=blob:none"]
        self._git.run("clone", *dict.fromkeys(options), "--", self._url, directory)
        self._check_out_directories(directory)
        if self._commit_sha is not None:
            self._check_out_commit(directory)
        self._update_submodules(directory)

    def _update(self, directory: Path) -> None:
        self._check_out_directories(directory)
        if self._commit_sha is not None:
            self._check_out_commit(directory)
        else:
            # The branch may have been rewritten, and local changes are not of the repository.
            self._git.run("fetch", "--depth", "1", "origin", self._branch or "HEAD", directory=directory)
            self._git.run("reset", "--hard", "FETCH_HEAD", directory=directory)
        self._update_submodules(directory)

    def _check_out_commit(self, directory: Path) -> None:
        commit = str(self._commit_sha)
        is_here = self._git.succeeds("cat-file", "-e", f"{commit}^{{commit}}", directory=directory)
        # A server may hand out branches only, and knows no abbreviations.
        if not is_here and not self._git.succeeds("fetch", "origin", commit, directory=directory):
            self._git.run("fetch", "--tags", "origin", "+refs/heads/*:refs/remotes/origin/*", directory=directory)
        self._git.run("checkout", "--force", "--detach", commit, directory=directory)

    def _check_out_directories(self, directory: Path) -> None:
        if self._directories is not None:
            self._git.run("sparse-checkout", "set", "--", *self._directories, directory=directory)

    def _update_submodules(self, directory: Path) -> None:
        if self._include_submodules:
            self._git.run("submodule", "sync", "--recursive", directory=directory)
            self._git.run("submodule", "update", "--init", "--recursive", "--depth", "1", directory=directory)

    def to_pull_step(self) -> dict[str, Any]:
        """Return the pull step of a deployment with this code.

        Raises:
            BlockNotSavedError: The credentials are a block that was not saved.
            ValueError: An access token is not a `Secret` block, and would be stored as plain text.
        """
        if self._has_login_in_url:
            raise ValueError(
                "The URL of the repository contains a password, which would be stored as plain text: pass it as "
                "`credentials`, in a saved Secret block."
            )
        inputs: dict[str, Any] = {"repository": self._url, "branch": self._branch}
        optional = {
            "commit_sha": self._commit_sha,
            "clone_directory_name": self._directory_name,
            "directories": self._directories,
            "include_submodules": self._include_submodules,
            "credentials": to_step_inputs(self._credentials) if self._credentials else None,
        }
        inputs.update({name: value for name, value in optional.items() if value})
        return {"prefect.deployments.steps.git_clone": inputs}


def _default_name(url: str, branch: str | None) -> str:
    path = urlsplit(url).path if "://" in url else url
    name = re.split(r"[/:]", path.rstrip("/"))[-1].removesuffix(".git") or "repository"
    return f"{name}-{branch.replace('/', '-')}" if branch else name
