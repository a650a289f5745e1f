"""The public path of the states of the server, which are defined in `prefect.schemas`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect._lazy import exports

if TYPE_CHECKING:
    from prefect.schemas.states import TERMINAL_STATES as TERMINAL_STATES
    from prefect.schemas.states import AwaitingConcurrencySlot as AwaitingConcurrencySlot
    from prefect.schemas.states import AwaitingRetry as AwaitingRetry
    from prefect.schemas.states import Cancelled as Cancelled
    from prefect.schemas.states import Cancelling as Cancelling
    from prefect.schemas.states import Completed as Completed
    from prefect.schemas.states import Crashed as Crashed
    from prefect.schemas.states import Failed as Failed
    from prefect.schemas.states import InfrastructurePending as InfrastructurePending
    from prefect.schemas.states import Late as Late
    from prefect.schemas.states import Paused as Paused
    from prefect.schemas.states import Pending as Pending
    from prefect.schemas.states import Retrying as Retrying
    from prefect.schemas.states import Running as Running
    from prefect.schemas.states import Scheduled as Scheduled
    from prefect.schemas.states import State as State
    from prefect.schemas.states import StateDetails as StateDetails
    from prefect.schemas.states import StateType as StateType
    from prefect.schemas.states import Submitting as Submitting
    from prefect.schemas.states import Suspended as Suspended
    from prefect.schemas.wire import CountByState as CountByState

_EXPORTS = {
    "prefect.schemas.states": (
        "AwaitingConcurrencySlot AwaitingRetry Cancelled Cancelling Completed Crashed Failed "
        "InfrastructurePending Late Paused Pending Retrying Running Scheduled State StateDetails "
        "StateType Submitting Suspended TERMINAL_STATES"
    ),
    "prefect.schemas.wire": "CountByState",
}

__getattr__, __dir__ = exports(__name__, _EXPORTS)
