"""`GitRepository` with a real git server."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from prefect.blocks.core import Block, BlockNotSavedError
from prefect.blocks.system import Secret
from prefect.runner.git.commands import Git, GitError, split_login
from prefect.runner.storage import GitRepository
from tests.git_server import PASSWORD, GitServer, Repository


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GitServer]:
    (tmp_path / "git").mkdir()
    server = GitServer(tmp_path / "git")
    yield server
    server.close()


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, in which clones are made."""
    path = tmp_path / "work"
    path.mkdir()
    monkeypatch.chdir(path)
    return path


def pull(repository: GitRepository) -> Path:
    asyncio.run(repository.pull_code())
    return repository.destination


def read(path: Path) -> str:
    return (path / "flow.py").read_text()


class TestPull:
    def test_clones_the_default_branch_and_follows_it(self, server: GitServer, work: Path):
        origin = server.create("code", {"flow.py": "1"})
        repository = GitRepository(server.url("code"))
        assert (pull(repository), read(work / "code")) == (work / "code", "1")
        assert asyncio.run(repository.is_shallow_clone())
        origin.commit({"flow.py": "2"})
        assert read(pull(repository)) == "2"

    def test_follows_a_branch_that_was_rewritten_and_drops_local_changes(self, server: GitServer, work: Path):
        origin = server.create("code", {"flow.py": "1"})
        repository = GitRepository(server.url("code"))
        (pull(repository) / "flow.py").write_text("mine")
        origin.commit({"flow.py": "other"}, amend=True)
        assert read(pull(repository)) == "other"

    @pytest.mark.parametrize("name", ["feature/x", "v1.0"])
    def test_checks_out_a_branch_or_tag(self, server: GitServer, work: Path, name: str):
        origin = server.create("code", {"flow.py": "1"})
        origin.commit({"flow.py": "2"}, branch="feature/x", tag="v1.0")
        repository = GitRepository(server.url("code"), branch=name)
        assert (read(pull(repository)), repository.destination.name) == ("2", f"code-{name.replace('/', '-')}")
        assert read(pull(repository)) == "2"

    @pytest.mark.parametrize("digits", [40, 7])
    def test_checks_out_a_commit(self, server: GitServer, work: Path, digits: int):
        origin = server.create("code", {"flow.py": "1"})
        commit = origin.commit({"flow.py": "2"}, branch="side")
        origin.commit({"flow.py": "3"}, branch="side")
        repository = GitRepository(server.url("code"), commit_sha=commit[:digits])
        assert read(pull(repository)) == "2"
        assert asyncio.run(repository.is_current_commit())

    def test_moves_an_existing_clone_to_a_newer_commit(self, server: GitServer, work: Path):
        origin = server.create("code", {"flow.py": "1"})
        pull(GitRepository(server.url("code")))
        commit = origin.commit({"flow.py": "2"})
        origin.commit({"flow.py": "3"})
        assert read(pull(GitRepository(server.url("code"), commit_sha=commit))) == "2"

    def test_checks_out_the_named_directories_only(self, server: GitServer, work: Path):
        server.create("code", {"flow.py": "1", "a/x.py": "x", "b/y.py": "y"})
        repository = GitRepository(server.url("code"), directories=["a"])
        directory = pull(repository)
        assert ((directory / "a/x.py").exists(), (directory / "b").exists()) == (True, False)
        assert asyncio.run(repository.is_sparsely_checked_out())
        again = pull(GitRepository(server.url("code"), directories=["b"]))
        assert ((again / "a").exists(), (again / "b/y.py").exists()) == (False, True)

    def test_clones_private_submodules_of_the_same_host(self, server: GitServer, work: Path):
        server.create("private-lib", {"lib.py": "lib"})
        origin = server.create("private-code", {"flow.py": "1"})
        add_submodule(origin, server.url("private-lib"))
        repository = GitRepository(
            server.url("private-code"), credentials={"access_token": PASSWORD}, include_submodules=True
        )
        assert (pull(repository) / "lib/lib.py").read_text() == "lib"
        plain = GitRepository(server.url("private-code"), credentials={"access_token": PASSWORD}, name="plain")
        assert not (pull(plain) / "lib/lib.py").exists()

    def test_refuses_a_clone_of_another_repository(self, server: GitServer, work: Path):
        server.create("code", {"flow.py": "1"})
        pull(GitRepository(server.url("code")))
        with pytest.raises(ValueError, match=r"is a clone of 'http.*code.git', not of 'http.*other.git'"):
            pull(GitRepository(server.url("other"), name="code"))

    def test_refuses_a_directory_with_other_files(self, server: GitServer, work: Path):
        server.create("code", {"flow.py": "1"})
        (work / "code").mkdir()
        (work / "code/mine.txt").write_text("keep")
        with pytest.raises(RuntimeError, match="has other files"):
            pull(GitRepository(server.url("code")))
        assert [path.name for path in work.rglob("*")] == ["code", "mine.txt"]

    def test_clones_again_when_the_clone_is_damaged(self, server: GitServer, work: Path, caplog):
        server.create("code", {"flow.py": "1"})
        repository = GitRepository(server.url("code"))
        (pull(repository) / ".git/HEAD").write_text("ref: refs/heads/gone")
        (work / "code/.git/index.lock").touch()
        assert read(pull(repository)) == "1"
        assert "Cloning" in caplog.text

    def test_leaves_nothing_behind_when_cloning_fails(self, server: GitServer, work: Path):
        server.create("code", {"flow.py": "1"})
        with pytest.raises(GitError, match=r"git clone failed: .*Remote branch nope not found"):
            pull(GitRepository(server.url("code"), branch="nope"))
        assert list(work.iterdir()) == []

    def test_two_processes_clone_to_the_same_directory(self, server: GitServer, work: Path):
        server.create("code", {"flow.py": "1"})
        program = (
            "import asyncio, sys; from prefect.runner.storage import GitRepository;"
            "asyncio.run(GitRepository(sys.argv[1]).pull_code())"
        )
        command = [sys.executable, "-c", program, server.url("code")]
        both = [subprocess.Popen(command, cwd=work, stderr=subprocess.PIPE, text=True) for _ in range(2)]
        errors = [process.communicate(timeout=60)[1] for process in both]
        assert [process.returncode for process in both] == [0, 0], errors
        assert (read(work / "code"), len(list(work.iterdir()))) == ("1", 1)


def add_submodule(origin: Repository, url: str) -> None:
    from tests.git_server import git

    bare = origin.directory.parent / "private-lib.git"
    git("submodule", "-q", "add", str(bare), "lib", directory=origin.directory)
    git("config", "-f", ".gitmodules", "submodule.lib.url", url, directory=origin.directory)
    origin.commit({})


class TokenBlock(Block):
    """A credentials block as integrations have it."""

    token: SecretStr


class FormattingBlock(TokenBlock):
    """A credentials block that knows how its service wants them."""

    def format_git_credentials(self, url: str) -> str:
        return url.replace("://", f"://someone:{self.token.get_secret_value()}@")


class TestCredentials:
    @pytest.mark.parametrize(
        ("credentials", "username"),
        [
            ({"access_token": PASSWORD}, "x-access-token"),
            ({"token": PASSWORD}, "x-access-token"),
            ({"username": "ann", "password": PASSWORD}, "ann"),
            ({"access_token": f"bob:{PASSWORD}"}, "bob"),
            ({"access_token": Secret(value=PASSWORD)}, "x-access-token"),
            ({"access_token": SecretStr(PASSWORD)}, "x-access-token"),
            (TokenBlock(token=SecretStr(PASSWORD)), "x-access-token"),
            (FormattingBlock(token=SecretStr(PASSWORD)), "someone"),
        ],
    )
    def test_clone_logs_in_with_credentials(self, server: GitServer, work: Path, credentials, username: str):
        server.create("private", {"flow.py": "1"})
        repository = GitRepository(server.url("private"), credentials=credentials)
        assert read(pull(repository)) == "1"
        assert read(pull(repository)) == "1"
        assert set(server.usernames) == {username}

    def test_logs_in_with_the_credentials_of_the_url(self, server: GitServer, work: Path):
        server.create("private", {"flow.py": "1"})
        repository = GitRepository(server.url("private").replace("://", f"://me:{PASSWORD}@"))
        assert (read(pull(repository)), set(server.usernames)) == ("1", {"me"})
        assert PASSWORD not in repr(repository)

    def test_token_is_in_no_file_command_line_log_or_error(
        self, server: GitServer, work: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ):
        record = spy_on_commands(work.parent, monkeypatch)
        origin = server.create("private", {"flow.py": "1"})
        repository = GitRepository(server.url("private"), credentials={"access_token": PASSWORD})
        with caplog.at_level("DEBUG"):
            pull(repository)
            origin.commit({"flow.py": "2"})
            assert read(pull(repository)) == "2"
            assert "clone" in record.read_text()
            with pytest.raises(GitError) as caught:
                pull(GitRepository(server.url("private-gone"), credentials={"access_token": PASSWORD}))
        files = [path.read_bytes() for path in (work / "private").rglob("*") if path.is_file()]
        for text in (record.read_text(), caplog.text, str(caught.value), repr(repository), str(files)):
            assert PASSWORD not in text

    def test_token_is_sent_to_the_host_of_the_repository_only(self, server: GitServer, work: Path):
        server.create("private", {"flow.py": "1"})
        repository = GitRepository("http://localhost:1/other.git", credentials={"access_token": PASSWORD})
        with pytest.raises(GitError, match="could not read Username"):
            repository._git.run("ls-remote", server.url("private"))

    def test_wrong_token_is_refused_without_a_prompt(self, server: GitServer, work: Path):
        server.create("private", {"flow.py": "1"})
        with pytest.raises(GitError, match="Authentication failed") as caught:
            pull(GitRepository(server.url("private"), credentials={"access_token": "wrong-token"}))
        assert "wrong-token" not in str(caught.value)

    @pytest.mark.parametrize(
        ("url", "username"),
        [
            ("https://gitlab.com/a/b.git", "oauth2"),
            ("https://bitbucket.org/a/b.git", "x-token-auth"),
            ("https://github.com/a/b.git", "x-access-token"),
        ],
    )
    def test_user_name_of_a_token_follows_the_service(self, url: str, username: str):
        login = GitRepository(url, credentials={"access_token": "t"})._git._login
        assert login == (username, "t")

    def test_configuration_in_the_environment_is_kept(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
        monkeypatch.setenv("GIT_CONFIG_KEY_0", "user.name")
        monkeypatch.setenv("GIT_CONFIG_VALUE_0", "kept")
        git = Git(*split_login("http://u:p@127.0.0.1:1/x.git"))
        assert git.run("config", "--get", "user.name").strip() == "kept"
        assert git.run("config", "--get-urlmatch", "credential.helper", "http://127.0.0.1:1/x.git")


def spy_on_commands(directory: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a `git` first on PATH that notes its arguments, and return the file with them."""
    real = subprocess.run(["which", "git"], capture_output=True, text=True, check=True).stdout.strip()
    record, programs = directory / "commands", directory / "programs"
    programs.mkdir()
    (programs / "git").write_text(f'#!/bin/sh\necho "$@" >> "{record}"\nexec {real} "$@"\n')
    (programs / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    return record


class TestOptions:
    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"branch": "b", "commit_sha": "abcd"}, "Cannot provide both a branch and a commit SHA"),
            ({"commit_sha": "main"}, "Invalid commit SHA: 'main'"),
            ({"credentials": {"username": "u"}}, "an access token or password must also be provided"),
            ({"credentials": {"nothing": "u"}}, "Please provide a `token` or `password`"),
            ({"branch": "--upload-pack=x"}, "must not begin with a dash"),
        ],
    )
    def test_contradicting_options_are_refused(self, options, message: str):
        with pytest.raises(ValueError, match=message):
            GitRepository("https://github.com/o/r.git", **options)

    def test_missing_git_is_named(self, work: Path, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setenv("PATH", str(work))
        with pytest.raises(GitError, match="git was not found: install it"):
            pull(GitRepository("https://github.com/o/r.git"))

    @pytest.mark.parametrize(
        ("url", "name"),
        [
            ("https://github.com/org/repo.git", "repo"),
            ("git@github.com:org/repo.git", "repo"),
            ("git@host:repo.git", "repo"),
            ("https://h.example/o/r/", "r"),
            ("file:///x/y.git", "y"),
        ],
    )
    def test_directory_is_named_like_the_repository(self, work: Path, url: str, name: str):
        assert GitRepository(url).destination == work / name


class TestPullStep:
    URL = "https://github.com/o/r.git"

    def step(self, **options):
        return GitRepository(self.URL, **options).to_pull_step()["prefect.deployments.steps.git_clone"]

    def test_refusal_names_the_arguments(self):
        assert self.step() == {"repository": self.URL, "branch": None}
        assert self.step(branch="b", name="n", include_submodules=True, directories=["a"]) == {
            "repository": self.URL,
            "branch": "b",
            "clone_directory_name": "n",
            "include_submodules": True,
            "directories": ["a"],
        }

    def test_refers_to_saved_blocks(self):
        secret, block = Secret(value="v"), TokenBlock(token=SecretStr("v"))
        secret.save("my-token")
        block.save("mine")
        assert self.step(credentials={"username": "me", "access_token": secret})["credentials"] == {
            "username": "me",
            "access_token": "{{ prefect.blocks.secret.my-token }}",
        }
        assert self.step(credentials=block)["credentials"] == "{{ prefect.blocks.tokenblock.mine }}"

    def test_never_contains_a_secret(self):
        with pytest.raises(BlockNotSavedError):
            self.step(credentials={"access_token": Secret(value="v")})
        with pytest.raises(ValueError, match="save your access token as a Secret block"):
            self.step(credentials={"access_token": "v"})
        with pytest.raises(ValueError, match="contains a password"):
            GitRepository("https://me:pw@github.com/o/r.git").to_pull_step()
