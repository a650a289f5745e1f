"""Sources of task run arguments: other runs, parameters, constants."""

from __future__ import annotations

from typing import ClassVar, Literal, Self
from uuid import UUID

from pydantic import ConfigDict

from prefect.schemas.base import PrefectBaseModel, make


class RunInput(PrefectBaseModel):
    """Base class of the sources of a task argument."""

    model_config = ConfigDict(frozen=True)

    input_type: str

    def __hash__(self) -> int:
        return hash(tuple(self.__dict__.values()))


class RunResult(RunInput):
    """The argument is the result of the run with this id."""

    kind: ClassVar[str]

    id: UUID

    @classmethod
    def make(cls, id: UUID) -> Self:
        """Make one without validation."""
        return make(cls, {"input_type": cls.kind, "id": id}, {"id"})


class TaskRunResult(RunResult):
    """The argument is the result of a task run."""

    kind = "task_run"

    input_type: Literal["task_run"] = "task_run"  # pyright: ignore[reportIncompatibleVariableOverride]


class FlowRunResult(RunResult):
    """The argument is the result of a flow run."""

    kind = "flow_run"

    input_type: Literal["flow_run"] = "flow_run"  # pyright: ignore[reportIncompatibleVariableOverride]


class Parameter(RunInput):
    """The argument is a parameter of the flow run."""

    input_type: Literal["parameter"] = "parameter"  # pyright: ignore[reportIncompatibleVariableOverride]
    name: str


class Constant(RunInput):
    """The argument is a constant of this type."""

    input_type: Literal["constant"] = "constant"  # pyright: ignore[reportIncompatibleVariableOverride]
    type: str
