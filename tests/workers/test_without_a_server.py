"""A worker of a home for which no server is configured."""

import socket
import sys
from pathlib import Path

from prefect.automations import Automation, EventTrigger, Posture
from prefect.client.orchestration import get_client
from prefect.events import emit_event
from prefect.events.actions import PauseWorkPool
from prefect.schemas.actions import WorkPoolCreate
from tests.workers.pools import WorkerProcess, wait_until


def test_worker_evaluates_the_automations_of_its_home(home: Path, tmp_path: Path) -> None:
    with get_client(sync_client=True) as client:
        client.create_work_pool(WorkPoolCreate(name="mine", type="process"))
        other = client.create_work_pool(WorkPoolCreate(name="other", type="process"))
    trigger = EventTrigger(expect={"order.paid"}, posture=Posture.Reactive, threshold=1)
    action = PauseWorkPool(source="selected", work_pool_id=other.id)
    Automation(name="pause", trigger=trigger, actions=[action]).create()
    command = [sys.executable, "-m", "prefect", "worker", "start", "--pool", "mine"]
    with socket.create_server(("127.0.0.1", 0)) as taken:
        # The port that the settings name is another server's.
        variables = {"PREFECT_HOME": str(home), "PREFECT_SERVER_API_PORT": str(taken.getsockname()[1])}
        worker = WorkerProcess.start(command, tmp_path / "worker", variables)
        try:
            worker.wait_for_output("started!")
            emit_event("order.paid", {"prefect.resource.id": "shop"})
            with get_client(sync_client=True) as client:
                wait_until(lambda: client.read_work_pool("other").is_paused, "the automation did not fire")
        finally:
            worker.stop()
    assert worker.process.returncode == 0, worker.output
