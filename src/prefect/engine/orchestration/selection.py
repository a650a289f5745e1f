"""The choice of the orchestrator of a flow run: a server, or this process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect._lazy import lazy
from prefect.engine.orchestration.local import LocalOrchestrator

if TYPE_CHECKING:
    from prefect.engine.orchestration import remote
    from prefect.engine.orchestration.orchestrator import Orchestrator
    from prefect.engine.protocols import RunnableFlow
    from prefect.journal.writer import Journal
else:
    remote = lazy("prefect.engine.orchestration.remote")


def make_orchestrator(journal: Journal, flow: RunnableFlow, is_subflow: bool) -> Orchestrator:
    """Return what decides about the states of a run: the server that has the journal, or this process."""
    has_server = journal.forwarder is not None
    here = LocalOrchestrator(journal, flow.retries, flow.retry_delay_seconds, watch_store=not has_server)
    return remote.ServerOrchestrator(journal, here, is_subflow) if has_server else here
