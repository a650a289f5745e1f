"""Types of input: what a flow run asks people for, and what runs send each other.

A subclass of `RunInput` is a form: its fields are what is asked. A run that waits for one leaves the form's schema
among its inputs, and whoever resumes the run leaves the answer. Any type will do where only a value is wanted: it gets
a form of one field, `value`.
"""

from __future__ import annotations

import inspect
import time
from copy import copy
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, Self, TypeVar, cast
from uuid import UUID, uuid4

import pydantic

from prefect._io import drive, sleep, twin
from prefect.input import actions

if TYPE_CHECKING:
    from prefect.schemas.runs import FlowRunInput
    from prefect.schemas.states import State

R = TypeVar("R", bound="RunInput")
T = TypeVar("T")

Keyset = dict[Literal["description", "response", "schema"], str]
"""Under which keys a run keeps the parts of one question."""

_FLOW_RUN_PREFIX = "prefect.flow-run."


def keyset_from_paused_state(state: State[Any]) -> Keyset:
    """The keys of the question that a paused state waits for an answer to.

    Raises:
        RuntimeError: The state is not a paused one.
    """
    if not state.is_paused():
        raise RuntimeError(f"{state} is no paused state, so it waits for no input.")
    return keyset_from_base_key(f"{(state.name or 'paused').lower()}-{state.state_details.pause_key}")


def keyset_from_base_key(base_key: str) -> Keyset:
    """The keys that begin with `base_key`."""
    return {
        "description": f"{base_key}-description",
        "response": f"{base_key}-response",
        "schema": f"{base_key}-schema",
    }


class RunInputMetadata(pydantic.BaseModel):
    """Where an input came from.

    Attributes:
        key: Its key.
        sender: Who sent it, for instance `"prefect.flow-run.<id>"`.
        receiver: The flow run that it was sent to.
    """

    key: str
    sender: str | None = None
    receiver: UUID


class BaseRunInput(pydantic.BaseModel):
    """What all types of input have in common."""

    model_config = pydantic.ConfigDict(extra="forbid")

    _description: ClassVar[str | None] = None
    _metadata: RunInputMetadata | None = pydantic.PrivateAttr(default=None)

    @property
    def metadata(self) -> RunInputMetadata:
        """Where it came from.

        Raises:
            RuntimeError: It was made here.
        """
        if self._metadata is None:
            raise RuntimeError(f"This {type(self).__name__} was not received, so there is nothing to say of its way.")
        return self._metadata

    @classmethod
    def keyset_from_type(cls) -> Keyset:
        """The keys of a question that is asked by the type's name."""
        return keyset_from_base_key(cls.__name__.lower())

    @classmethod
    async def asave(cls, keyset: Keyset, flow_run_id: UUID | None = None) -> None:
        """Leave the question with a flow run: the schema of the form, and its description.

        Args:
            keyset: Under which keys.
            flow_run_id: The run; the present one if None.
        """
        await actions.acreate_flow_run_input(keyset["schema"], cls.model_json_schema(), flow_run_id)
        if cls._description is not None:
            await actions.acreate_flow_run_input(keyset["description"], cls._description, flow_run_id)

    @classmethod
    async def aload(cls, keyset: Keyset, flow_run_id: UUID | None = None) -> Any:
        """The answer that was left with a flow run.

        Args:
            keyset: Under which keys.
            flow_run_id: The run; the present one if None.
        """
        response = await actions.aread_flow_run_input(keyset["response"], flow_run_id)
        run_input = cls(**(response or {}))
        run_input._metadata = RunInputMetadata(
            key=keyset["response"], receiver=actions.ensure_flow_run_id(flow_run_id), sender=None
        )
        return run_input

    @classmethod
    def load_from_flow_run_input(cls, flow_run_input: FlowRunInput) -> Self:
        """An input as it was kept for a run."""
        run_input = cls(**flow_run_input.decoded_value)
        run_input._metadata = RunInputMetadata(
            key=flow_run_input.key, sender=flow_run_input.sender, receiver=flow_run_input.flow_run_id
        )
        return run_input

    @classmethod
    def with_initial_data(cls, description: str | None = None, **kwargs: Any) -> type[Self]:
        """The same form with something filled in.

        Args:
            description: What people are told, in Markdown.
            kwargs: Values of fields.

        Raises:
            KeyError: It has no such field.
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
        """Send an input to the flow run that this one came from.

        Args:
            run_input: The input.
            sender: Who sends it; the present flow run if None.
            key_prefix: What its key begins with; made of its type if None.

        Raises:
            RuntimeError: No flow run has sent this one.
        """
        receiver = self.metadata.sender or ""
        if not receiver.startswith(_FLOW_RUN_PREFIX):
            raise RuntimeError(
                f"Only a flow run can be responded to, and this input was sent by {receiver or 'nobody'!r}."
            )
        await asend_input(run_input, UUID(receiver.removeprefix(_FLOW_RUN_PREFIX)), sender, key_prefix)

    async def asend_to(self, flow_run_id: UUID, sender: str | None = None, key_prefix: str | None = None) -> None:
        """Send it to a flow run.

        Args:
            flow_run_id: The run.
            sender: Who sends it; the present flow run if None.
            key_prefix: What its key begins with; made of its type if None.
        """
        await asend_input(self, flow_run_id, sender, key_prefix)

    save: ClassVar[Any] = classmethod(twin(asave.__func__))  # pyright: ignore[reportAttributeAccessIssue, reportFunctionMemberAccess]
    load: ClassVar[Any] = classmethod(twin(aload.__func__))  # pyright: ignore[reportAttributeAccessIssue, reportFunctionMemberAccess]
    respond: ClassVar[Any] = twin(arespond)
    send_to: ClassVar[Any] = twin(asend_to)


class RunInput(BaseRunInput):
    """A form. Its fields are what is asked; those with defaults may be left out of the answer."""

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
        """The inputs of this type that are sent to a flow run, as they come. See `receive_input`."""
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
        """A form with the fields of a model."""
        return type(f"{model_cls.__name__}RunInput", (RunInput, model_cls), {})


class AutomaticRunInput(BaseRunInput, Generic[T]):
    """A form of one field, for input that is only a value."""

    value: T

    @classmethod
    async def aload(cls, keyset: Keyset, flow_run_id: UUID | None = None) -> T:
        """The value that was left with a flow run."""
        return (await super().aload(keyset, flow_run_id)).value

    @classmethod
    def subclass_from_type(cls, _type: type[T]) -> type[AutomaticRunInput[T]]:
        """The form for values of a type."""
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
        """The values of this type that are sent to a flow run, as they come. See `receive_input`."""
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

    load: ClassVar[Any] = classmethod(twin(aload.__func__))  # pyright: ignore[reportAttributeAccessIssue, reportFunctionMemberAccess]


def run_input_subclass_from_type(_type: Any) -> Any:
    """The type of input for a type: itself, a form of a model's fields, or one of a single value.

    Args:
        _type: The type, or a model.
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


class _InputIterator(Generic[T]):
    """The inputs of a flow run as they come: an iterator, also for `async for`.

    Args:
        run_input_cls: Their type.
        key_prefix: What their keys begin with.
        timeout: Seconds to wait for the next one; for ever if None.
        poll_interval: Seconds between two looks.
        raise_timeout_error: Whether the iteration raises when none comes in time, rather than ends.
        exclude_keys: Inputs that have been seen.
        flow_run_id: The run; the present one if None.
    """

    def __init__(
        self,
        run_input_cls: Any,
        key_prefix: str,
        timeout: float | None = 3600,
        poll_interval: float = 10,
        raise_timeout_error: bool = False,
        exclude_keys: set[str] | None = None,
        flow_run_id: UUID | None = None,
    ) -> None:
        self.run_input_cls = run_input_cls
        self.key_prefix = key_prefix
        self.timeout = timeout
        self.poll_interval = poll_interval
        self.raise_timeout_error = raise_timeout_error
        self.exclude_keys = exclude_keys if exclude_keys is not None else set[str]()
        self.flow_run_id = actions.ensure_flow_run_id(flow_run_id)

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
        """The next input, if it is there."""
        found = await actions.afilter_flow_run_input(
            self.key_prefix, limit=1, exclude_keys=self.exclude_keys, flow_run_id=self.flow_run_id
        )
        self.exclude_keys.update(each.key for each in found)
        return found

    def filter_for_inputs_sync(self) -> list[FlowRunInput]:
        """As `filter_for_inputs`."""
        return drive(self.filter_for_inputs())

    def to_instance(self, flow_run_input: FlowRunInput) -> T:
        """An input as what the iteration gives."""
        return self.run_input_cls.load_from_flow_run_input(flow_run_input)

    async def anext(self) -> T:
        """The next input.

        Raises:
            TimeoutError: None came in time.
        """
        end = float("inf") if self.timeout is None else time.monotonic() + self.timeout
        while not (found := await self.filter_for_inputs()):
            left = end - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"No input {self.key_prefix!r} came within {self.timeout} seconds.")
            await sleep(min(self.poll_interval, left))
        return self.to_instance(found[0])

    next: Any = twin(anext)


class GetInputHandler(_InputIterator[R]):
    """The inputs of a form's type that are sent to a flow run."""


class GetAutomaticInputHandler(_InputIterator[T]):
    """The values of a type that are sent to a flow run; arguments as in `receive_input`."""

    def __init__(
        self,
        run_input_cls: type[AutomaticRunInput[T]],
        key_prefix: str,
        timeout: float | None = 3600,
        poll_interval: float = 10,
        raise_timeout_error: bool = False,
        exclude_keys: set[str] | None = None,
        flow_run_id: UUID | None = None,
        with_metadata: bool = False,
    ) -> None:
        super().__init__(
            run_input_cls, key_prefix, timeout, poll_interval, raise_timeout_error, exclude_keys, flow_run_id
        )
        self.with_metadata = with_metadata

    def to_instance(self, flow_run_input: FlowRunInput) -> Any:
        """An input as what the iteration gives: the value, or the form around it, which knows where it came from."""
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
    """The inputs of a type that are sent to a flow run, as they come.

    Args:
        input_type: A `RunInput`, a model, or the type of the values.
        timeout: Seconds to wait for the next one; for ever if None.
        poll_interval: Seconds between two looks.
        raise_timeout_error: Whether the iteration raises `TimeoutError` when none comes in time, rather than ends.
        exclude_keys: Keys of inputs to leave out.
        key_prefix: What their keys begin with; made of the type if None.
        flow_run_id: The run; the present one if None.
        with_metadata: Of values: give the form around each, which has `value` and `metadata`.

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
        run_input: It.
        flow_run_id: The run.
        sender: Who sends it; the present flow run if None.
        key_prefix: What its key begins with; made of its type if None.
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
