"""Install and run the original in a virtual environment under `.cache/`, for comparison and benchmarks.

Nothing of it is imported here or by the tests: programs are run with its interpreter. `ORIGINAL_PYTHON` names the
interpreter of an installation that exists already.
"""

import contextlib
import fcntl
import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from tools.ports import find_free_port

ROOT = Path(__file__).parent.parent
CACHE = ROOT / ".cache"
REQUIREMENTS = ("prefect==3.9.1",)
START = 90.0
"""Seconds its server may take to answer."""


def python() -> Path:
    """Return the interpreter that has the original; installs it at the first call."""
    if interpreter := os.environ.get("ORIGINAL_PYTHON"):
        return Path(interpreter)
    return environment("original", REQUIREMENTS)


def is_available() -> bool:
    """Return whether the original is installed, or is installed by the first call of `python` because this is CI."""
    return (
        bool(os.environ.get("CI"))
        or bool(os.environ.get("ORIGINAL_PYTHON"))
        or (CACHE / "original" / "installed").exists()
    )


def environment(name: str, requirements: tuple[str, ...]) -> Path:
    """Return the interpreter of a virtual environment `.cache/<name>` with `requirements`, created if missing."""
    folder = CACHE / name
    interpreter = folder / "bin" / "python"
    stamp = folder / "installed"
    CACHE.mkdir(exist_ok=True)
    # Tests that run side by side want the same one: the first makes it, the others wait.
    with open(CACHE / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (stamp.exists() and stamp.read_text() == "\n".join(requirements)):
            _install(folder, interpreter, requirements)
            stamp.write_text("\n".join(requirements))
    return interpreter


def _install(folder: Path, interpreter: Path, requirements: tuple[str, ...]) -> None:
    print(f"installing {', '.join(requirements)} in {folder.relative_to(ROOT)} (once)", file=sys.stderr, flush=True)
    if uv := shutil.which("uv"):
        subprocess.run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, folder], check=True)
        subprocess.run([uv, "pip", "install", "--quiet", "--python", interpreter, *requirements], check=True)
    else:
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        subprocess.run([interpreter, "-m", "pip", "install", "--quiet", *requirements], check=True)


def variables(home: Path, **more: str) -> dict[str, str]:
    """Return environment variables for a program: the current ones without PREFECT_*, with a separate home."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "PYTHON", "COV_"))}
    return {**kept, "PREFECT_HOME": str(home), "PREFECT_SERVER_ANALYTICS_ENABLED": "false", "DO_NOT_TRACK": "1", **more}


@contextlib.contextmanager
def server(home: Path, **more: str) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Run the original's server on a free local port; yield the address of its API and its process.

    `more` are further environment variables.
    """
    port = str(find_free_port())
    command = [python().parent / "prefect", "server", "start", "--host", "127.0.0.1", "--port", port]
    home.mkdir(parents=True, exist_ok=True)
    with open(home / "server.log", "wb") as log:
        process = subprocess.Popen(command, env=variables(home, **more), stdout=log, stderr=log)
    try:
        _wait_for(f"http://127.0.0.1:{port}/api/health", process)
        yield f"http://127.0.0.1:{port}/api", process
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"the original's server ended with exit code {process.returncode} before it answered")
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise RuntimeError(f"the original's server did not answer within {START:.0f} s")
