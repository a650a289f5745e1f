"""Store, read and delete the inputs of a flow run: JSON values by key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from prefect._io import twin
from prefect._lazy import lazy_modules
from prefect.context import EngineContext
from prefect.types import json_codec

if TYPE_CHECKING:
    import pydantic_core
    from pydantic import BaseModel

    from prefect.client import orchestration
    from prefect.schemas.runs import FlowRunInput
else:
    orchestration, pydantic_core = lazy_modules("prefect.client.orchestration", "pydantic_core")


def ensure_flow_run_id(flow_run_id: UUID | None = None) -> UUID:
    """Return the id, by default the id of the current flow run.

    Raises:
        RuntimeError: The id is None and there is no current flow run.
    """
    if flow_run_id is not None:
        return flow_run_id
    context = EngineContext.get()
    if context is None or context.flow_run is None:
        raise RuntimeError("There is no current flow run. Pass `flow_run_id`.")
    return context.flow_run.id


async def acreate_flow_run_input(
    key: str, value: Any, flow_run_id: UUID | None = None, sender: str | None = None
) -> None:
    """Store an input of a flow run.

    Args:
        key: Key, unique within the run: letters, digits, `.`, `_` and `-`.
        value: JSON-serializable value.
        flow_run_id: Id of the flow run; the current one if None.
        sender: Sender, for example `"prefect.flow-run.<id>"`.
    """
    text = json_codec.dumps(pydantic_core.to_jsonable_python(value)).decode()
    async with orchestration.get_client() as client:
        await client.create_flow_run_input(ensure_flow_run_id(flow_run_id), key, text, sender)


async def acreate_flow_run_input_from_model(
    key: str, model_instance: BaseModel, flow_run_id: UUID | None = None, sender: str | None = None
) -> None:
    """Store the fields of a model as an input of a flow run.

    Args:
        key: Key, unique within the run.
        model_instance: The model.
        flow_run_id: Id of the flow run; the current one if None.
        sender: Sender; the current flow run, if there is one, if None.
    """
    context = EngineContext.get()
    if sender is None and context is not None and context.flow_run is not None:
        sender = f"prefect.flow-run.{context.flow_run.id}"
    await acreate_flow_run_input(key, model_instance.model_dump(mode="json"), flow_run_id, sender)


async def afilter_flow_run_input(
    key_prefix: str, limit: int = 1, exclude_keys: set[str] | None = None, flow_run_id: UUID | None = None
) -> list[FlowRunInput]:
    """Return inputs of a flow run, oldest first.

    Args:
        key_prefix: Prefix of the keys.
        limit: Maximum number of inputs.
        exclude_keys: Keys to omit.
        flow_run_id: Id of the flow run; the current one if None.
    """
    async with orchestration.get_client() as client:
        return await client.filter_flow_run_input(
            ensure_flow_run_id(flow_run_id), key_prefix, limit, exclude_keys or set()
        )


async def aread_flow_run_input(key: str, flow_run_id: UUID | None = None) -> Any:
    """Return the value of an input, or None if there is none with this key.

    Args:
        key: Key of the input.
        flow_run_id: Id of the flow run; the current one if None.
    """
    # The API only filters by prefix, so skip inputs whose key is longer.
    skipped: set[str] = set()
    while found := await afilter_flow_run_input(key, 50, skipped, flow_run_id):
        for each in found:
            if each.key == key:
                return each.decoded_value
        skipped |= {each.key for each in found}
    return None


async def adelete_flow_run_input(key: str, flow_run_id: UUID | None = None) -> None:
    """Delete an input.

    Args:
        key: Key of the input.
        flow_run_id: Id of the flow run; the current one if None.

    Raises:
        ObjectNotFound: There is no input with this key.
    """
    async with orchestration.get_client() as client:
        await client.delete_flow_run_input(ensure_flow_run_id(flow_run_id), key)


create_flow_run_input = twin(acreate_flow_run_input)
create_flow_run_input_from_model = twin(acreate_flow_run_input_from_model)
filter_flow_run_input = twin(afilter_flow_run_input)
read_flow_run_input = twin(aread_flow_run_input)
delete_flow_run_input = twin(adelete_flow_run_input)
