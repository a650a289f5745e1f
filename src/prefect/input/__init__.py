"""Input of flow runs: values that users and other runs send to a run while it is running.

`run_input` has the input types, sending and receiving; `actions` stores and reads values by key. The values are stored
by the API, of a server or of the local store.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect._lazy import exports

if TYPE_CHECKING:
    from prefect.input.actions import (
        acreate_flow_run_input,
        acreate_flow_run_input_from_model,
        adelete_flow_run_input,
        afilter_flow_run_input,
        aread_flow_run_input,
        create_flow_run_input,
        create_flow_run_input_from_model,
        delete_flow_run_input,
        filter_flow_run_input,
        read_flow_run_input,
    )
    from prefect.input.run_input import (
        GetInputHandler,
        Keyset,
        RunInput,
        RunInputMetadata,
        keyset_from_base_key,
        keyset_from_paused_state,
        receive_input,
        send_input,
    )

__all__ = [
    "GetInputHandler",
    "Keyset",
    "RunInput",
    "RunInputMetadata",
    "acreate_flow_run_input",
    "acreate_flow_run_input_from_model",
    "adelete_flow_run_input",
    "afilter_flow_run_input",
    "aread_flow_run_input",
    "create_flow_run_input",
    "create_flow_run_input_from_model",
    "delete_flow_run_input",
    "filter_flow_run_input",
    "keyset_from_base_key",
    "keyset_from_paused_state",
    "read_flow_run_input",
    "receive_input",
    "send_input",
]

_EXPORTS = {
    "prefect.input.actions": (
        "acreate_flow_run_input acreate_flow_run_input_from_model adelete_flow_run_input afilter_flow_run_input "
        "aread_flow_run_input create_flow_run_input create_flow_run_input_from_model delete_flow_run_input "
        "filter_flow_run_input read_flow_run_input"
    ),
    "prefect.input.run_input": (
        "GetInputHandler Keyset RunInput RunInputMetadata keyset_from_base_key keyset_from_paused_state receive_input "
        "send_input"
    ),
}

__getattr__, __dir__ = exports(__name__, _EXPORTS)
