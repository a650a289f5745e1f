"""Input types: what a flow run requests from users, and what runs send each other.

A subclass of `RunInput` is a form with fields. A run that waits for one stores the form's schema among its inputs, and
the user who resumes the run stores the response. Any other type is wrapped in a form with one field, `value`.
"""

from __future__ import annotations

import inspect
import time
from copy import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, Self, TypeVar, cast
from uuid import UUID, uuid4

import pydantic

from prefect._io import class_twin, drive, sleep, twin
from prefect.input import actions

if TYPE_CHECKING:
    from prefect.schemas.runs import FlowRunInput
    from prefect.schemas.states import State

R = TypeVar("R", bound="RunInput")
T = TypeVar("T")

Keyset = dict[Literal["description", "response", "schema"], str]
"""Keys of the description, the schema and the response of one requested input."""

_FLOW_RUN_PREFIX = "prefect.flow-run."


def keyset_from_paused_state(state: State[Any]) -> Keyset:
    """Return the keys of the input that a paused run waits for.

    Raises:
        RuntimeError: The state is not paused.
    """
    if not state.is_paused():
        raise RuntimeError(f"The state {state} is not paused, so it waits for no input.")
    return keyset_from_base_key(f"{(state.name or 'paused').lower()}-{state.state_details.pause_key}")


def keyset_from_base_key(base_key: str) -> Keyset:
    """Return the keys that begin with `base_key`."""
    return {
        "description": f"{base_key}-description",
        "response": f"{base_key}-response",
        "schema": f"{base_key}-schema",
    }


class RunInputMetadata(pydantic.BaseModel):
    """Origin of a received input.

    Attributes:
        key: Key of the input.
        sender: Sender, for example `"prefect.flow-run.<id>"`.
        receiver: Id of the flow run that received it.
    """

    key: str
    sender: str | None = None
    receiver: UUID


class BaseRunInput(pydantic.BaseModel):
    """Base class of input types."""

    model_config = pydantic.ConfigDict(extra="forbid")

    _description: ClassVar[str | None] = None
    _metadata: RunInputMetadata | None = pydantic.PrivateAttr(default=None)

    @property
    def metadata(self) -> RunInputMetadata:
        """Origin of this input.

        Raises:
            RuntimeError: The input was not received.
        """
        if self._metadata is None:
            raise RuntimeError(f"This {type(self).__name__} was not received, so it has no metadata.")
        return self._metadata

    @classmethod
    def keyset_from_type(cls) -> Keyset:
        """Return the keys derived from the type's name."""
        return keyset_from_base_key(cls.__name__.lower())

    @classmethod
    async def asave(cls, keyset: Keyset, flow_run_id: UUID | None = None) -> None:
        """Store the schema and the description of this type with a flow run.

        Args:
            keyset: Keys to store them under.
            flow_run_id: Id of the flow run; the current one if None.
        """
        await actions.acreate_flow_run_input(keyset["schema"], cls.model_json_schema(), flow_run_id)
        if cls._description is not None:
            await actions.acreate_flow_run_input(keyset["description"], cls._description, flow_run_id)

    @classmethod
    async def aload(cls, keyset: Keyset, flow_run_id: UUID | None = None) -> Any:
        """Load the response stored with a flow run.

        Args:
            keyset: Keys of the input.
            flow_run_id: Id of the flow run; the current one if None.
        """
        response = await actions.aread_flow_run_input(keyset["response"], flow_run_id)
        run_input = cls(**(response or {}))
        run_input._metadata = RunInputMetadata(
            key=keyset["response"], receiver=actions.ensure_flow_run_id(flow_run_id), sender=None
        )
        return run_input

    @classmethod
    def load_from_flow_run_input(cls, flow_run_input: FlowRunInput) -> Self:
        """Create an instance from a stored input."""
        run_input = cls(**flow_run_input.decoded_value)
        run_input._metadata = RunInputMetadata(
            key=flow_run_input.key, sender=flow_run_input.sender, receiver=flow_run_input.flow_run_id
        )
        return run_input

    @classmethod
    def with_initial_data(cls, description: str | None = None, **kwargs: Any) -> type[Self]:
        """Return a subclass with default values.

        Args:
            description: Markdown shown to the user.
            kwargs: Default values by field name.

        Raises:
            KeyError: The type has no such field.
        """
        fields: dict[str, Any] = {}
        for name, value in kwargs.items():
            field = copy(cls.model_fields[name])
            field.default, field.default_factory = value, None
            fields[name] = (field.annotation, field)
        subclass = pydantic.create_model(cls.__name__, __base__=cls, **fields)
        if description is not None:
            subclass._description = description
        return cast("type[Self]", subclass)

    async def arespond(self, run_input: RunInput, sender: str | None = None, key_prefix: str | None = None) -> None:
        """Send an input to the flow run that sent this one.

        Args:
            run_input: Input to send.
            sender: Sender; the current flow run if None.
            key_prefix: Prefix of the key; derived from the type if None.

        Raises:
            RuntimeError: This input was not sent by a flow run.
        """
        receiver = self.metadata.sender or ""
        if not receiver.startswith(_FLOW_RUN_PREFIX):
            raise RuntimeError(
                f"Only a flow run can be responded to, and the sender of this input is {receiver or None!r}."
            )
        await asend_input(run_input, UUID(receiver.removeprefix(_FLOW_RUN_PREFIX)), sender, key_prefix)

    async def asend_to(self, flow_run_id: UUID, sender: str | None = None, key_prefix: str | None = None) -> None:
        """Send this input to a flow run.

        Args:
            flow_run_id: Id of the flow run.
            sender: Sender; the current flow run if None.
            key_prefix: Prefix of the key; derived from the type if None.
        """
        await asend_input(self, flow_run_id, sender, key_prefix)

    save: ClassVar[Any] = class_twin(asave)
    load: ClassVar[Any] = class_twin(aload)
    respond: ClassVar[Any] = twin(arespond)
    send_to: ClassVar[Any] = twin(asend_to)


class RunInput(BaseRunInput):
    """A form. Fields with defaults may be omitted from the response."""

    @classmethod
    def receive(
        cls,
        timeout: float | None = 3600,
        poll_interval: float = 10,
        raise_timeout_error: bool = False,
        exclude_keys: set[str] | None = None,
        key_prefix: str | None = None,
        flow_run_id: UUID | None = None,
    ) -> GetInputHandler[Self]:
        """Iterate over received inputs of this type. See `receive_input`."""
        return GetInputHandler(
            cls,
            key_prefix or f"{cls.__name__.lower()}-auto",
            timeout,
            poll_interval,
            raise_timeout_error,
            exclude_keys,
            flow_run_id,
        )

    @classmethod
    def subclass_from_base_model_type(cls, model_cls: type[pydantic.BaseModel]) -> type[RunInput]:
        """Return a form with the fields of a model."""
        return type(f"{model_cls.__name__}RunInput", (RunInput, model_cls), {})


class AutomaticRunInput(BaseRunInput, Generic[T]):
    """A form with one field, for an input that is a single value."""

    value: T

    @classmethod
    async def aload(cls, keyset: Keyset, flow_run_id: UUID | None = None) -> T:
        """Load the value stored with a flow run."""
        return (await super().aload(keyset, flow_run_id)).value

    @classmethod
    def subclass_from_type(cls, _type: type[T]) -> type[AutomaticRunInput[T]]:
        """Return the form for values of a type."""
        name = getattr(_type, "__name__", None) or type(_type).__name__
        return pydantic.create_model(f"{name}AutomaticRunInput", __base__=AutomaticRunInput[_type])

    @classmethod
    def receive(
        cls,
        timeout: float | None = 3600,
        poll_interval: float = 10,
        raise_timeout_error: bool = False,
        exclude_keys: set[str] | None = None,
        key_prefix: str | None = None,
        flow_run_id: UUID | None = None,
        with_metadata: bool = False,
    ) -> GetAutomaticInputHandler[T]:
        """Iterate over received values of this type. See `receive_input`."""
        return GetAutomaticInputHandler(
            cls,
            key_prefix or f"{cls.__name__.lower()}-auto",
            timeout,
            poll_interval,
            raise_timeout_error,
            exclude_keys,
            flow_run_id,
            with_metadata,
        )

    load: ClassVar[Any] = class_twin(aload)


def run_input_subclass_from_type(_type: Any) -> Any:
    """Return the input type for a type: itself, a form with a model's fields, or a form of a single value.

    Args:
        _type: A type or a model instance.
    """
    if isinstance(_type, pydantic.BaseModel):
        _type = type(_type)
    if inspect.isclass(_type):
        if issubclass(_type, BaseRunInput):
            return _type
        if issubclass(_type, pydantic.BaseModel):
            return RunInput.subclass_from_base_model_type(_type)
    return AutomaticRunInput.subclass_from_type(_type)


# --- receiving -------------------------------------------------------------------------------------------------------


@dataclass(eq=False)
class _InputIterator(Generic[T]):
    """Iterator over the inputs that a flow run receives, also for `async for`.

    Attributes:
        run_input_cls: Input type.
        key_prefix: Prefix of the keys.
        timeout: Seconds to wait for the next input; unlimited if None.
        poll_interval: Seconds between two polls.
        raise_timeout_error: Whether to raise TimeoutError after `timeout` instead of ending the iteration.
        exclude_keys: Keys of inputs to skip; none if None.
        flow_run_id: Id of the flow run; the current one if None.
    """

    run_input_cls: Any
    key_prefix: str
    timeout: float | None = 3600
    poll_interval: float = 10
    raise_timeout_error: bool = False
    exclude_keys: set[str] | None = None
    flow_run_id: UUID | None = None

    def __post_init__(self) -> None:
        self.exclude_keys = self.exclude_keys if self.exclude_keys is not None else set[str]()
        self.flow_run_id = actions.ensure_flow_run_id(self.flow_run_id)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> T:
        try:
            return drive(self.anext())
        except TimeoutError:
            if self.raise_timeout_error:
                raise
            raise StopIteration from None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        try:
            return await self.anext()
        except TimeoutError:
            if self.raise_timeout_error:
                raise
            raise StopAsyncIteration from None

    async def filter_for_inputs(self) -> list[FlowRunInput]:
        """Return a list of the next input, empty if there is none yet."""
        found = await actions.afilter_flow_run_input(
            self.key_prefix, limit=1, exclude_keys=self.exclude_keys, flow_run_id=self.flow_run_id
        )
        self.exclude_keys = (self.exclude_keys or set()) | {each.key for each in found}
        return found

    def filter_for_inputs_sync(self) -> list[FlowRunInput]:
        """Call `filter_for_inputs` from sync code."""
        return drive(self.filter_for_inputs())

    def to_instance(self, flow_run_input: FlowRunInput) -> T:
        """Convert a stored input to the yielded item."""
        return self.run_input_cls.load_from_flow_run_input(flow_run_input)

    async def anext(self) -> T:
        """Return the next input.

        Raises:
            TimeoutError: No input arrived in time.
        """
        end = float("inf") if self.timeout is None else time.monotonic() + self.timeout
        while not (found := await self.filter_for_inputs()):
            left = end - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"No input {self.key_prefix!r} arrived within {self.timeout} seconds.")
            await sleep(min(self.poll_interval, left))
        return self.to_instance(found[0])

    next: ClassVar[Any] = twin(anext)


class GetInputHandler(_InputIterator[R]):
    """Iterator over received forms."""


@dataclass(eq=False)
class GetAutomaticInputHandler(_InputIterator[T]):
    """Iterator over received values; arguments as in `receive_input`."""

    with_metadata: bool = False

    def to_instance(self, flow_run_input: FlowRunInput) -> Any:
        """Convert a stored input to its value, or to the form with metadata."""
        run_input = self.run_input_cls.load_from_flow_run_input(flow_run_input)
        return run_input if self.with_metadata else run_input.value


def receive_input(
    input_type: Any,
    timeout: float | None = 3600,
    poll_interval: float = 10,
    raise_timeout_error: bool = False,
    exclude_keys: set[str] | None = None,
    key_prefix: str | None = None,
    flow_run_id: UUID | None = None,
    with_metadata: bool = False,
) -> Any:
    """Iterate over the inputs of a type that a flow run receives.

    Args:
        input_type: A `RunInput`, a model, or the type of the values.
        timeout: Seconds to wait for the next input; unlimited if None.
        poll_interval: Seconds between two polls.
        raise_timeout_error: Whether to raise TimeoutError after `timeout` instead of ending the iteration.
        exclude_keys: Keys of inputs to skip.
        key_prefix: Prefix of the keys; derived from the type if None.
        flow_run_id: Id of the flow run; the current one if None.
        with_metadata: Whether to yield a form with `value` and `metadata` instead of a plain value.

    Returns:
        An iterator, also for `async for`.
    """
    kind = run_input_subclass_from_type(input_type)
    options = {"with_metadata": with_metadata} if issubclass(kind, AutomaticRunInput) else {}
    return kind.receive(
        timeout=timeout,
        poll_interval=poll_interval,
        raise_timeout_error=raise_timeout_error,
        exclude_keys=exclude_keys,
        key_prefix=key_prefix,
        flow_run_id=flow_run_id,
        **options,
    )


# --- sending ---------------------------------------------------------------------------------------------------------


async def asend_input(
    run_input: Any, flow_run_id: UUID, sender: str | None = None, key_prefix: str | None = None
) -> None:
    """Send a form or a value to a flow run.

    Args:
        run_input: Form, model or value to send.
        flow_run_id: Id of the flow run.
        sender: Sender; the current flow run if None.
        key_prefix: Prefix of the key; derived from the type if None.
    """
    kind = run_input_subclass_from_type(type(run_input))
    if issubclass(kind, AutomaticRunInput) and not isinstance(run_input, BaseRunInput):
        form = kind(value=run_input)
    elif isinstance(run_input, BaseRunInput):
        form = run_input
    else:
        form = kind(**run_input.model_dump())
    prefix = key_prefix or f"{kind.__name__.lower()}-auto"
    await actions.acreate_flow_run_input_from_model(f"{prefix}-{uuid4()}", form, flow_run_id, sender)


send_input = twin(asend_input)
