"""A real git server for tests: git's own smart HTTP backend on a free loopback port, with basic authentication."""

from __future__ import annotations

import base64
import os
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

PASSWORD = "tok-4f7d91"


class GitServer:
    """Serves the bare repositories of a directory; those named `private...` to who knows `PASSWORD` only."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.usernames: list[str] = []
        """Names that have logged in."""
        self.failures = 0
        """How many of the next requests are answered by an error."""
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"server_state": self}))
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()

    def close(self) -> None:
        """Stop it."""
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()

    def url(self, name: str) -> str:
        """The URL of a repository."""
        return f"http://127.0.0.1:{self._http.server_port}/{name}.git"

    def create(self, name: str, files: dict[str, str]) -> Repository:
        """Create a repository with one commit on the branch `main`."""
        bare = self.root / f"{name}.git"
        git("init", "-q", "--bare", "-b", "main", str(bare))
        git("config", "uploadpack.allowFilter", "true", directory=bare)
        work = self.root / f"{name}-work"
        git("clone", "-q", str(bare), str(work))
        git("checkout", "-q", "-B", "main", directory=work)
        repository = Repository(work)
        repository.commit(files)
        return repository


class Repository:
    """A clone that tests push from."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def commit(self, files: dict[str, str], branch: str = "main", tag: str | None = None, amend: bool = False) -> str:
        """Commit files to a branch, push it, and return the commit."""
        git("checkout", "-q", "-B", branch, directory=self.directory)
        for name, text in files.items():
            path = self.directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        git("add", ".", directory=self.directory)
        git("commit", "-q", "-m", "change", *(["--amend"] if amend else []), directory=self.directory)
        if tag:
            git("tag", tag, directory=self.directory)
        git("push", "-q", "--force", "--tags", "origin", branch, directory=self.directory)
        return git("rev-parse", "HEAD", directory=self.directory).strip()


def git(*arguments: str, directory: Path | None = None) -> str:
    """Run git as a user whose own configuration does not count, and return what it printed."""
    identity = {f"GIT_{role}_{part}": "test" for role in ("AUTHOR", "COMMITTER") for part in ("NAME", "EMAIL")}
    environment = {**os.environ, **identity, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    command = ["git", "-c", "protocol.file.allow=always", *arguments]
    return subprocess.run(command, cwd=directory, env=environment, check=True, capture_output=True, text=True).stdout


class _Handler(BaseHTTPRequestHandler):
    server_state: GitServer

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        if self.headers.get("Transfer-Encoding") == "chunked":
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            body = self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(body)

    def _answer(self, body: bytes) -> None:
        state = self.server_state
        if state.failures:
            state.failures -= 1
            self.send_error(503)
            return
        username = self._read_username()
        if self.path.startswith("/private") and username is None:
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="git"')
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if username:
            state.usernames.append(username)
        self._run_backend(body)

    def _read_username(self) -> str | None:
        kind, _, value = self.headers.get("Authorization", "").partition(" ")
        if kind != "Basic":
            return None
        username, _, password = base64.b64decode(value).decode().partition(":")
        return username if password == PASSWORD else None

    def _run_backend(self, body: bytes) -> None:
        parts = urlsplit(self.path)
        environment = {
            **os.environ,
            "GIT_PROJECT_ROOT": str(self.server_state.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": parts.path,
            "QUERY_STRING": parts.query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
        }
        output = subprocess.run(["git", "http-backend"], input=body, env=environment, capture_output=True).stdout
        head, _, content = output.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if line)
        self.send_response(int(headers.pop("Status", "200 OK").split()[0]))
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
