"""What is kept for a flow run, by key: JSON values that others leave for it, and that it reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

import orjson

from prefect._io import twin
from prefect._lazy import lazy
from prefect.context import EngineContext

if TYPE_CHECKING:
    import pydantic_core
    from pydantic import BaseModel

    from prefect.client import orchestration
    from prefect.schemas.runs import FlowRunInput
else:
    orchestration = lazy("prefect.client.orchestration")
    pydantic_core = lazy("pydantic_core")


def ensure_flow_run_id(flow_run_id: UUID | None = None) -> UUID:
    """The id given, or that of the present flow run.

    Raises:
        RuntimeError: None is given, and no flow is running here.
    """
    if flow_run_id is not None:
        return flow_run_id
    context = EngineContext.get()
    if context is None or context.flow_run is None:
        raise RuntimeError("No flow is running here whose inputs could be meant: give a flow run id.")
    return context.flow_run.id


async def acreate_flow_run_input(
    key: str, value: Any, flow_run_id: UUID | None = None, sender: str | None = None
) -> None:
    """Leave a value for a flow run.

    Args:
        key: The key, which must be new to the run: letters, digits, `.`, `_` and `-`.
        value: The value; it must be one that JSON can say.
        flow_run_id: The run; the present one if None.
        sender: Who leaves it, for instance `"prefect.flow-run.<id>"`.
    """
    text = orjson.dumps(pydantic_core.to_jsonable_python(value)).decode()
    async with orchestration.get_client() as client:
        await client.create_flow_run_input(ensure_flow_run_id(flow_run_id), key, text, sender)


async def acreate_flow_run_input_from_model(
    key: str, model_instance: BaseModel, flow_run_id: UUID | None = None, sender: str | None = None
) -> None:
    """As `acreate_flow_run_input`, for the fields of a model.

    Args:
        key: The key.
        model_instance: The model.
        flow_run_id: The run; the present one if None.
        sender: Who leaves it; the present flow run if None and there is one.
    """
    context = EngineContext.get()
    if sender is None and context is not None and context.flow_run is not None:
        sender = f"prefect.flow-run.{context.flow_run.id}"
    await acreate_flow_run_input(key, model_instance.model_dump(mode="json"), flow_run_id, sender)


async def afilter_flow_run_input(
    key_prefix: str, limit: int = 1, exclude_keys: set[str] | None = None, flow_run_id: UUID | None = None
) -> list[FlowRunInput]:
    """What was left for a flow run, oldest first.

    Args:
        key_prefix: What the keys begin with.
        limit: How many at most.
        exclude_keys: Keys to leave out.
        flow_run_id: The run; the present one if None.
    """
    async with orchestration.get_client() as client:
        return await client.filter_flow_run_input(
            ensure_flow_run_id(flow_run_id), key_prefix, limit, exclude_keys or set()
        )


async def aread_flow_run_input(key: str, flow_run_id: UUID | None = None) -> Any:
    """The value under a key, or None when there is none.

    Args:
        key: The key.
        flow_run_id: The run; the present one if None.
    """
    # Keys are unique, and so the first one with this prefix that is the key itself is the one.
    skipped: set[str] = set()
    while found := await afilter_flow_run_input(key, 50, skipped, flow_run_id):
        for each in found:
            if each.key == key:
                return each.decoded_value
        skipped |= {each.key for each in found}
    return None


async def adelete_flow_run_input(key: str, flow_run_id: UUID | None = None) -> None:
    """Delete the value under a key.

    Args:
        key: The key.
        flow_run_id: The run; the present one if None.

    Raises:
        ObjectNotFound: There is none.
    """
    async with orchestration.get_client() as client:
        await client.delete_flow_run_input(ensure_flow_run_id(flow_run_id), key)


create_flow_run_input = twin(acreate_flow_run_input)
create_flow_run_input_from_model = twin(acreate_flow_run_input_from_model)
filter_flow_run_input = twin(afilter_flow_run_input)
read_flow_run_input = twin(aread_flow_run_input)
delete_flow_run_input = twin(adelete_flow_run_input)
