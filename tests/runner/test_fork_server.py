"""Processes from the fork server are as those of a fresh interpreter, and the server holds nothing of this package."""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import select
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from prefect.runner import fork_launcher
from prefect.runner.fork_launcher import ForkServerLauncher
from prefect.runner.launch import Launch, Launcher, LaunchError, SubprocessLauncher
from prefect.types import new_id

pytestmark = pytest.mark.skipif(not fork_launcher.is_available(), reason="there is no fork server on this system")

ENGINE = """
import json, os, random, signal, sys, threading

handlers = {number.name: str(signal.getsignal(number)) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD)}
facts = {
    "env": {name: value for name, value in os.environ.items() if name != "PREFECT__FLOW_RUN_ID"},
    "cwd": os.getcwd(),
    "path": sys.path,
    "argv": sys.argv,
    "main": [__name__, sys.modules["__main__"].__dict__ is globals(), __spec__.name],
    "handlers": handlers,
    "mask": sorted(signal.pthread_sigmask(signal.SIG_BLOCK, ())),
    "wakeup": signal.set_wakeup_fd(-1),
    "threads": threading.active_count(),
    "session": [os.getsid(0) == os.getpid(), os.getpgid(0) == os.getpid()],
    # Newer releases of libffi keep their own file open once `ctypes` has used it.
    "descriptors": sum("libffi" not in os.path.realpath(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd")),
    "stdin": os.readlink("/proc/self/fd/0"),
    "random": random.random(),
    "home": str(__import__("prefect.settings").settings.get_current_settings().home),
}
with open(os.environ["FACTS"], "w") as file:
    json.dump(facts, file)
if os.environ.get("RAISES"):
    raise RuntimeError("on purpose")
import atexit
atexit.register(lambda: open(os.environ["FACTS"] + ".exited", "w").close())
threading.Thread(target=lambda: open(os.environ["FACTS"] + ".thread", "w").close()).start()
sys.exit(int(os.environ.get("EXITS", "0")))
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An engine that writes what it finds around it, before the real one on the path of new interpreters."""
    folder = tmp_path / "site" / "engine_of_test"
    folder.mkdir(parents=True)
    (folder / "__init__.py").touch()
    (folder / "__main__.py").write_text(ENGINE)
    monkeypatch.setenv("PYTHONPATH", str(folder.parent))
    return folder


@pytest.fixture
async def launcher() -> AsyncIterator[ForkServerLauncher]:
    launcher = ForkServerLauncher()
    yield launcher
    await launcher.close()


async def run(launcher: Launcher, tmp_path: Path, name: str, **env: str) -> tuple[int, dict[str, Any]]:
    """Run the engine with a launcher; return its exit code and what it found."""
    facts = tmp_path / name
    folder = tmp_path / "work"
    folder.mkdir(exist_ok=True)
    launch = Launch(flow_run_id=new_id(), cwd=folder, env={"FACTS": str(facts), **env}, stream_output=False)
    process = await launcher.start(launch)
    code = await process.wait()
    return code, json.loads(facts.read_text())


@pytest.mark.usefixtures("package")
async def test_forked_process_is_as_a_fresh_interpreter(
    launcher: ForkServerLauncher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fork_launcher, "ENGINE_MODULE", "engine_of_test")
    monkeypatch.setattr("prefect.runner.launch.ENGINE_COMMAND", (sys.executable, "-m", "engine_of_test"))
    more = {"PREFECT_HOME": str(tmp_path / "another-home"), "ADDED": "1"}
    _, fresh = await run(SubprocessLauncher(), tmp_path, "fresh", **more)
    _, forked = await run(launcher, tmp_path, "forked", **more)
    _, again = await run(launcher, tmp_path, "again", **more)
    for facts in (fresh, forked, again):
        facts["env"].pop("FACTS")
    assert len({facts.pop("random") for facts in (fresh, forked, again)}) == 3
    assert forked == fresh
    assert again == fresh


@pytest.mark.usefixtures("package")
async def test_forked_process_handles_sigint_when_the_server_ignores_it(
    launcher: ForkServerLauncher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As that of a worker does which a shell has started in the background."""
    monkeypatch.setattr(fork_launcher, "ENGINE_MODULE", "engine_of_test")
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        await launcher.prepare()
    finally:
        signal.signal(signal.SIGINT, before)
    _, forked = await run(launcher, tmp_path, "forked")
    assert "default_int_handler" in forked["handlers"]["SIGINT"]


@pytest.mark.usefixtures("package")
@pytest.mark.parametrize(("env", "expected"), [({}, 0), ({"EXITS": "3"}, 3), ({"RAISES": "1"}, 1)])
async def test_forked_process_ends_as_an_interpreter_does(
    env: dict[str, str],
    expected: int,
    launcher: ForkServerLauncher,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fork_launcher, "ENGINE_MODULE", "engine_of_test")
    code, _ = await run(launcher, tmp_path, "facts", **env)
    assert code == expected
    if "RAISES" not in env:
        assert (tmp_path / "facts.exited").exists() and (tmp_path / "facts.thread").exists()


async def test_fork_server_holds_no_thread_socket_or_file(launcher: ForkServerLauncher) -> None:
    await launcher.prepare()
    process = await launcher.start(Launch(flow_run_id=new_id(), cwd="/", stream_output=False))
    await process.wait()
    server = f"/proc/{launcher.server_pid}"
    assert len(os.listdir(f"{server}/task")) == 1
    links = [os.readlink(f"{server}/fd/{name}") for name in os.listdir(f"{server}/fd")]
    kinds = sorted(link.partition(":")[0] for link in links[3:])
    assert [kind for kind in kinds if kind.startswith("/") and "libffi" not in kind] == []
    assert kinds.count("socket") == 1, links


async def test_fork_server_is_started_again_after_it_died(launcher: ForkServerLauncher) -> None:
    first = await launcher.start(Launch(flow_run_id=new_id(), cwd="/", env={"PREFECT__FLOW_RUN_ID": "?"}))
    await first.wait()
    before = launcher.server_pid
    assert before is not None
    os.kill(before, signal.SIGKILL)
    await launcher.wait_closed()
    second = await launcher.start(Launch(flow_run_id=new_id(), cwd="/", env={"PREFECT__FLOW_RUN_ID": "?"}))
    assert await second.wait() == 1
    assert launcher.server_pid not in (None, before)


async def end_orphan(launcher: ForkServerLauncher, package: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """Kill a fork server, then the process that it has forked; return the exit code that is noticed of that."""
    runs = package / "runs"
    (package / "__main__.py").write_text(f"open({str(runs)!r}, 'w').close(); import time; time.sleep(60)")
    monkeypatch.setattr(fork_launcher, "ENGINE_MODULE", "engine_of_test")
    process = await launcher.start(Launch(flow_run_id=new_id(), cwd="/"))
    async with asyncio.timeout(60):
        while not runs.exists():
            await asyncio.sleep(0.01)
    assert launcher.server_pid is not None
    os.kill(launcher.server_pid, signal.SIGKILL)
    await launcher.wait_closed()
    assert process.exit_code is None
    assert process.signal_group(signal.SIGKILL)
    async with asyncio.timeout(60):
        return await process.wait()


async def test_process_of_a_dead_fork_server_is_waited_for(
    launcher: ForkServerLauncher, package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await end_orphan(launcher, package, monkeypatch) == fork_launcher.UNKNOWN_EXIT_CODE


@pytest.mark.usefixtures("adopts_orphans")
async def test_process_of_a_dead_fork_server_is_collected_where_it_is_adopted(
    launcher: ForkServerLauncher, package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await end_orphan(launcher, package, monkeypatch) == -signal.SIGKILL


@pytest.fixture
def adopts_orphans() -> Iterator[None]:
    """Make this process the parent of processes whose parent dies, as the first one of a container is."""
    set_child_subreaper = 36
    libc = ctypes.CDLL(None)
    assert libc.prctl(set_child_subreaper, 1, 0, 0, 0) == 0
    yield
    assert libc.prctl(set_child_subreaper, 0, 0, 0, 0) == 0


async def test_signal_reaches_a_process_that_was_forked_just_now(
    launcher: ForkServerLauncher, package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even when the machine is so busy that it does nothing for a while after the fork."""
    slow = "import os, time; os.register_at_fork(after_in_child=lambda: time.sleep(0.5))"
    (package.parent / "sitecustomize.py").write_text(slow)
    (package / "__main__.py").write_text("import time; time.sleep(60)")
    monkeypatch.setattr(fork_launcher, "ENGINE_MODULE", "engine_of_test")
    process = await launcher.start(Launch(flow_run_id=new_id(), cwd="/"))
    assert process.signal_group(signal.SIGKILL)
    assert await process.wait() == -signal.SIGKILL


async def test_run_is_started_once_when_the_fork_server_dies_as_it_forks(
    launcher: ForkServerLauncher, package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forked, started = tmp_path / "forked", tmp_path / "started"
    (package.parent / "sitecustomize.py").write_text(
        "import os, signal\n"
        "os.register_at_fork(after_in_parent=lambda: os.kill(os.getpid(), signal.SIGKILL),\n"
        f"    after_in_child=lambda: open({str(forked)!r}, 'w').write(str(os.getpid())))"
    )
    (package / "__main__.py").write_text(f"open({str(started)!r}, 'a').write('started;')")
    monkeypatch.setattr(fork_launcher, "ENGINE_MODULE", "engine_of_test")
    monkeypatch.setattr("prefect.runner.launch.ENGINE_COMMAND", (sys.executable, "-m", "engine_of_test"))
    process = await launcher.start(Launch(flow_run_id=new_id(), cwd="/"))
    assert await process.wait() == 0
    await wait_for_end(forked)
    assert started.read_text() == "started;"


async def wait_for_end(pid_file: Path) -> None:
    """Wait for the end of the process that writes its id to a file."""
    async with asyncio.timeout(60):
        while not (pid_file.exists() and pid_file.read_text()):
            await asyncio.sleep(0.01)
        with suppress(ProcessLookupError):
            descriptor = os.pidfd_open(int(pid_file.read_text()))
            await asyncio.to_thread(select.select, [descriptor], [], [])
            os.close(descriptor)


async def test_missing_directory_is_refused(launcher: ForkServerLauncher, tmp_path: Path) -> None:
    with pytest.raises(LaunchError, match="does not exist"):
        await launcher.start(Launch(flow_run_id=new_id(), cwd=tmp_path / "nowhere"))


async def test_run_that_changes_the_interpreter_is_not_forked(launcher: ForkServerLauncher) -> None:
    launch = Launch(flow_run_id=new_id(), cwd="/", env={"PYTHONHASHSEED": "7"}, stream_output=False)
    await (await launcher.start(launch)).wait()
    assert launcher.server_pid is None
