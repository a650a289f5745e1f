"""Processes of flow runs: what they inherit, and how they end with all that they have started."""

import asyncio
import os
import signal
import sys
import time
from pathlib import Path

import pytest

from prefect.client import _http
from prefect.runner.launch import Launch, LaunchError, RunProcess, SubprocessLauncher
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.types import new_id


def _script(code: str, **options: object) -> Launch:
    return Launch(flow_run_id=new_id(), command=(sys.executable, "-c", code), **options)  # pyright: ignore


async def _read(pipe: Path) -> str:
    """Return the line that a process writes into a named pipe."""
    return await asyncio.to_thread(lambda: pipe.read_text().strip())


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    return path


async def _start(launch: Launch) -> RunProcess:
    return await SubprocessLauncher().start(launch)


async def test_process_has_the_settings_and_the_id_of_its_run(tmp_path, monkeypatch):
    monkeypatch.setenv("PREFECT__FLOW_ENTRYPOINT", "of another run")
    monkeypatch.setenv("UNWANTED", "1")
    out = tmp_path / "out"
    code = f"import os; open({str(out)!r}, 'w').write(repr(dict(os.environ, cwd=os.getcwd())))"
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}):
        process = await _start(_script(code, env={"MINE": "2", "UNWANTED": None}, cwd=tmp_path))
    assert await process.wait() == 0
    environment = eval(out.read_text())
    assert environment["PREFECT__FLOW_RUN_ID"] == str(process.flow_run_id)
    assert environment["PREFECT_API_URL"] == "http://127.0.0.1:9/api"
    assert environment["MINE"] == "2" and environment["cwd"] == str(tmp_path)
    assert not {"UNWANTED", "PREFECT__FLOW_ENTRYPOINT"} & set(environment)


async def test_process_leads_a_session_without_open_files():
    code = "import os; assert os.getsid(0) == os.getpid(); assert not os.path.exists('/proc/self/fd/{FD}')"
    read, write = os.pipe()
    os.set_inheritable(read, True)
    try:
        process = await _start(_script(code.replace("{FD}", str(read))))
        assert await process.wait() == 0
    finally:
        os.close(read)
        os.close(write)


async def test_stop_lets_the_process_end_by_itself(pipe):
    code = f"""
import signal, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
open({str(pipe)!r}, "w").write("ready")
signal.pause()
"""
    process = await _start(_script(code))
    await _read(pipe)
    assert process.exit_code is None
    assert await process.stop(grace_seconds=30) == 7
    assert process.exit_code == 7


async def test_stop_kills_a_process_that_ignores_sigterm_and_all_it_has_started(pipe):
    code = f"""
import signal, subprocess, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import signal; signal.signal(15, signal.SIG_IGN); signal.pause()"])
open({str(pipe)!r}, "w").write(str(child.pid))
signal.pause()
"""
    process = await _start(_script(code))
    child = int(await _read(pipe))
    assert await process.stop(grace_seconds=0.1) == -signal.SIGKILL
    await _wait_until_gone(child)


async def test_stop_ends_what_an_obedient_process_has_left(pipe):
    code = f"""
import signal, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
open({str(pipe)!r}, "w").write(str(child.pid))
signal.pause()
"""
    process = await _start(_script(code))
    child = int(await _read(pipe))
    assert await process.stop(grace_seconds=30) == -signal.SIGTERM
    await _wait_until_gone(child)


async def _wait_until_gone(pid: int) -> None:
    """Wait until a process that is no child of this one has ended, at most a minute."""
    end = time.monotonic() + 60
    while (
        Path(f"/proc/{pid}/stat").exists()
        and Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    ):
        assert time.monotonic() < end, f"process {pid} still runs"
        await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    "launch, message",
    [
        (Launch(flow_run_id=new_id(), command=("no-such-command",)), "The command 'no-such-command' cannot be started"),
        (Launch(flow_run_id=new_id(), cwd="/no/such/place"), "The working directory '/no/such/place' does not exist"),
    ],
)
async def test_start_reports_what_is_missing(launch, message):
    with pytest.raises(LaunchError, match=message):
        await _start(launch)


async def test_unstreamed_output_goes_nowhere(capfd):
    process = await _start(_script("print('hidden')", stream_output=False))
    await process.wait()
    process = await _start(_script("print('shown')"))
    await process.wait()
    assert capfd.readouterr().out == "shown\n"


def test_process_knows_the_servers_without_csrf(monkeypatch):
    monkeypatch.setattr(_http, "servers_without_csrf", {"http://one/api/"})
    environment = Launch(flow_run_id=new_id()).build_environment()
    monkeypatch.setattr(_http, "servers_without_csrf", set())
    monkeypatch.setenv(_http.SERVERS_WITHOUT_CSRF_VARIABLE, environment[_http.SERVERS_WITHOUT_CSRF_VARIABLE])
    _http.adopt_servers_without_csrf()
    assert _http.servers_without_csrf == {"http://one/api/"}
