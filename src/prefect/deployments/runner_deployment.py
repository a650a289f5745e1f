"""Deployments as Python programs write them: `RunnerDeployment`, to be served or put into a work pool."""

from __future__ import annotations

import inspect
import os
import sys
import tempfile
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeAlias
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, field_validator

from prefect import settings
from prefect._entrypoint_type import EntrypointType
from prefect._flow import Flow, load_flow
from prefect._io import class_twin, twin
from prefect._lazy import lazy
from prefect.client.failures import describe_error
from prefect.deployments import changes
from prefect.deployments.schedules import FlexibleScheduleList, build_schedules, sets_active
from prefect.deployments.spec import DeploymentSpec, ScheduleSpec
from prefect.events.schemas.deployment_triggers import DeploymentTriggerTypes
from prefect.exceptions import InvalidNameError, ObjectNotFound, PrefectHTTPStatusError
from prefect.schedules import Schedule
from prefect.schemas.actions import DeploymentScheduleCreate, DeploymentScheduleUpdate
from prefect.schemas.automations import TriggerTypes
from prefect.schemas.concurrency import ConcurrencyLimitConfig, ConcurrencyOptions
from prefect.schemas.deployments import VersionInfo
from prefect.signatures.json_schemas import ParameterSchema
from prefect.types.names import BANNED_CHARACTERS

if TYPE_CHECKING:
    from prefect.client import orchestration
else:
    orchestration = lazy("prefect.client.orchestration")

Interval: TypeAlias = int | float | timedelta


_STORAGE_ARGUMENTS = frozenset(("cls", "storage", "entrypoint", "flow_name"))
"""Arguments of `from_storage` that `from_flow` does not have."""


class DeploymentApplyError(RuntimeError):
    """A deployment cannot be created or changed; the message says why."""


class RunnerDeployment(BaseModel):
    """A deployment that is not applied yet: `apply` creates it, or changes the one of its name.

    Attributes:
        name: Its name, unique among those of its flow.
        flow_name: The name of its flow.
        description: What it is for.
        version: The version of its code.
        version_type: What kind of version that is.
        tags: Tags of its runs.
        schedules: When it runs by itself; None leaves those that it has.
        concurrency_limit: How many of its runs may run at the same time.
        concurrency_options: What happens to a run beyond that.
        paused: Whether its schedules make no runs; None leaves it as it is.
        parameters: Arguments of its runs, by name.
        entrypoint: Which flow it is: `"path/to/file.py:function"` or `"package.module.function"`.
        triggers: Triggers of events that start it.
        enforce_parameter_schema: Whether the arguments of a run must satisfy the flow's type hints.
        storage: Where its code is fetched from; None for the working directory.
        work_pool_name: The work pool whose workers run it.
        work_queue_name: The queue in that pool.
        job_variables: What the pool's job template is filled with.
    """

    model_config: ClassVar[ConfigDict] = ConfigDict(
        arbitrary_types_allowed=True, validate_assignment=True, ignored_types=(twin, class_twin)
    )

    name: str
    flow_name: str | None = None
    description: str | None = None
    version: str | None = None
    version_type: str | None = None
    tags: list[str] = Field(default_factory=list)
    schedules: list[DeploymentScheduleCreate | DeploymentScheduleUpdate] | None = None
    concurrency_limit: int | None = None
    concurrency_options: ConcurrencyOptions | None = None
    paused: bool | None = None
    parameters: dict[str, Any] = Field(default_factory=dict)
    entrypoint: str | None = None
    triggers: list[DeploymentTriggerTypes | TriggerTypes] = Field(
        default_factory=list[DeploymentTriggerTypes | TriggerTypes]
    )
    enforce_parameter_schema: bool = True
    storage: Any = None
    work_pool_name: str | None = None
    work_queue_name: str | None = None
    job_variables: dict[str, Any] = Field(default_factory=dict)

    _parameter_openapi_schema: ParameterSchema = PrivateAttr(default_factory=ParameterSchema)
    _entrypoint_type: EntrypointType = PrivateAttr(default=EntrypointType.FILE_PATH)
    _path: str | None = PrivateAttr(default=None)

    @field_validator("name")
    @classmethod
    def _check_name(cls, value: str) -> str:
        """Check the name; a path of a script, such as `__file__`, stands for the name of the script."""
        return check_name(value)

    @property
    def entrypoint_type(self) -> EntrypointType:
        """The type of the entrypoint: a file or a module."""
        return self._entrypoint_type

    @property
    def full_name(self) -> str:
        """The name by which people call it: `"flow/deployment"`."""
        return f"{self.flow_name}/{self.name}"

    # --- making -------------------------------------------------------------------------------------------------------

    @classmethod
    def from_flow(
        cls,
        flow: Any,
        name: str,
        interval: Iterable[Interval] | Interval | None = None,
        cron: Iterable[str] | str | None = None,
        rrule: Iterable[str] | str | None = None,
        paused: bool | None = None,
        schedule: Schedule | None = None,
        schedules: FlexibleScheduleList | None = None,
        concurrency_limit: int | ConcurrencyLimitConfig | None = None,
        parameters: dict[str, Any] | None = None,
        triggers: list[DeploymentTriggerTypes | TriggerTypes] | None = None,
        description: str | None = None,
        tags: list[str] | None = None,
        version: str | None = None,
        version_type: str | None = None,
        enforce_parameter_schema: bool = True,
        work_pool_name: str | None = None,
        work_queue_name: str | None = None,
        job_variables: dict[str, Any] | None = None,
        entrypoint_type: EntrypointType = EntrypointType.FILE_PATH,
    ) -> Self:
        """Make a deployment of a flow of this program.

        Args:
            flow: The flow.
            name: The deployment's name.
            interval: Seconds, or a timedelta, between its runs; or several.
            cron: A cron expression by which it runs; or several.
            rrule: An iCalendar recurrence rule by which it runs; or several.
            paused: See the fields, as for what is not listed here.
            schedule: A schedule of `prefect.schedules`.
            schedules: Several of them.
            concurrency_limit: How many of its runs may run at the same time, with or without what happens to others.
            entrypoint_type: Whether the flow is found by its file or by its module.

        Raises:
            ValueError: A schedule is not valid, or the flow is in no file.
            InvalidNameError: The name has a character that names cannot have.
        """
        limit, options = _read_limit(concurrency_limit)
        made = cls(
            name=check_name(name),
            flow_name=flow.name,
            description=description or flow.description,
            version=version or flow.version,
            version_type=version_type,
            tags=tags or [],
            schedules=build_schedules(interval, cron, rrule, schedule, schedules),
            concurrency_limit=limit,
            concurrency_options=options,
            paused=paused,
            parameters=parameters or {},
            entrypoint=find_entrypoint(flow, entrypoint_type),
            triggers=triggers or [],
            enforce_parameter_schema=enforce_parameter_schema,
            storage=flow.storage,
            work_pool_name=work_pool_name,
            work_queue_name=work_queue_name,
            job_variables=job_variables or {},
        )
        made._parameter_openapi_schema = flow.parameters
        made._entrypoint_type = entrypoint_type
        made._path = None if flow.storage is not None or entrypoint_type is EntrypointType.MODULE_PATH else "."
        return made

    @classmethod
    def from_entrypoint(
        cls,
        entrypoint: str,
        name: str,
        flow_name: str | None = None,
        interval: Iterable[Interval] | Interval | None = None,
        cron: Iterable[str] | str | None = None,
        rrule: Iterable[str] | str | None = None,
        paused: bool | None = None,
        schedule: Schedule | None = None,
        schedules: FlexibleScheduleList | None = None,
        concurrency_limit: int | ConcurrencyLimitConfig | None = None,
        parameters: dict[str, Any] | None = None,
        triggers: list[DeploymentTriggerTypes | TriggerTypes] | None = None,
        description: str | None = None,
        tags: list[str] | None = None,
        version: str | None = None,
        enforce_parameter_schema: bool = True,
        work_pool_name: str | None = None,
        work_queue_name: str | None = None,
        job_variables: dict[str, Any] | None = None,
    ) -> Self:
        """Make a deployment of the flow of an entrypoint; other arguments as for `from_flow`.

        Args:
            entrypoint: The entrypoint: `"path/to/file.py:function"`.
            name: The deployment's name.
            flow_name: The name of the flow, if it is not to have its own.

        Raises:
            MissingFlowError: The file has no such flow.
            ScriptError: There is no such file, or it failed to run.
        """
        options = {key: value for key, value in locals().items() if key not in ("cls", "entrypoint", "flow_name")}
        made = cls.from_flow(load_flow(entrypoint), **options)
        made.entrypoint, made._path = entrypoint, "."
        made.flow_name = flow_name or made.flow_name
        return made

    @classmethod
    async def afrom_storage(
        cls,
        storage: Any,
        entrypoint: str,
        name: str,
        flow_name: str | None = None,
        interval: Iterable[Interval] | Interval | None = None,
        cron: Iterable[str] | str | None = None,
        rrule: Iterable[str] | str | None = None,
        paused: bool | None = None,
        schedule: Schedule | None = None,
        schedules: FlexibleScheduleList | None = None,
        concurrency_limit: int | ConcurrencyLimitConfig | None = None,
        parameters: dict[str, Any] | None = None,
        triggers: list[DeploymentTriggerTypes | TriggerTypes] | None = None,
        description: str | None = None,
        tags: list[str] | None = None,
        version: str | None = None,
        version_type: str | None = None,
        enforce_parameter_schema: bool = True,
        work_pool_name: str | None = None,
        work_queue_name: str | None = None,
        job_variables: dict[str, Any] | None = None,
    ) -> Self:
        """Make a deployment of a flow whose code is in a storage, which is fetched once to read the flow.

        Args:
            storage: The storage, of `prefect.runner.storage`.
            entrypoint: Where the flow is in it: `"path/to/file.py:function"`.
            name: The deployment's name; other arguments as for `from_flow`.
            flow_name: The name of the flow, if it is not to have its own.

        Raises:
            MissingFlowError: The file has no such flow.
            ScriptError: There is no such file, or it failed to run.
        """
        options = {key: value for key, value in locals().items() if key not in _STORAGE_ARGUMENTS}
        with tempfile.TemporaryDirectory() as directory:
            storage.set_base_path(Path(directory))
            await storage.pull_code()
            flow = load_flow(os.path.join(storage.destination, entrypoint))
            flow.storage, flow.entrypoint = storage, entrypoint
            made = cls.from_flow(flow, **options)
        made.flow_name = flow_name or made.flow_name
        return made

    from_storage = class_twin(afrom_storage)

    # --- applying -----------------------------------------------------------------------------------------------------

    def build_spec(self, image: str | None = None, version_info: VersionInfo | None = None) -> DeploymentSpec:
        """Return what the deployment is, as a value.

        Args:
            image: The image that its work pool runs.
            version_info: Where its version comes from.
        """
        assert self.flow_name is not None
        return DeploymentSpec(
            flow_name=self.flow_name,
            name=self.name,
            entrypoint=self.entrypoint,
            path=self._path,
            pull_steps=None if self.storage is None else _build_pull_steps(self.storage),
            parameter_schema=self._parameter_openapi_schema.model_dump_for_openapi(),
            parameters=self.parameters,
            enforce_parameter_schema=self.enforce_parameter_schema,
            schedules=self._build_schedule_specs(),
            paused=self.paused,
            concurrency_limit=self.concurrency_limit,
            concurrency_options=self.concurrency_options,
            work_pool_name=self.work_pool_name,
            work_queue_name=self.work_queue_name,
            job_variables={**self.job_variables, "image": image} if image else self.job_variables,
            tags=tuple(self.tags),
            description=self.description,
            version=self.version,
            version_info=version_info,
            triggers=tuple(self.triggers),
        )

    def _build_schedule_specs(self) -> tuple[ScheduleSpec, ...] | None:
        if self.schedules is None:
            return None
        if not self.schedules and not settings.get_current_settings().deployments.clear_schedules_on_empty:
            return None
        return tuple(
            ScheduleSpec(
                schedule=DeploymentScheduleCreate(**{name: getattr(each, name) for name in each.model_fields_set}),
                sets_active=sets_active(each),
            )
            for each in self.schedules
        )

    async def aapply(
        self,
        schedules: list[dict[str, Any]] | None = None,
        work_pool_name: str | None = None,
        image: str | None = None,
        version_info: VersionInfo | None = None,
    ) -> UUID:
        """Create the deployment, or change the one of its name to it; return its id.

        Args:
            schedules: Its schedules, in place of its own.
            work_pool_name: The work pool whose workers run it, if it names none itself.
            image: The image that its work pool runs.
            version_info: Where its version comes from.

        Raises:
            DeploymentApplyError: There is no such work pool, or the server refuses it.
        """
        if schedules is not None:
            self.schedules = build_schedules(schedules=schedules)
        if work_pool_name and not self.work_pool_name:
            self.work_pool_name = work_pool_name
        async with orchestration.get_client() as client:
            try:
                return await changes.apply_spec(client, self.build_spec(image, version_info))
            except (ObjectNotFound, PrefectHTTPStatusError) as error:
                raise DeploymentApplyError(
                    f"The deployment {self.full_name!r} cannot be applied: {describe_error(error)}"
                ) from error

    apply = twin(aapply)


def check_name(value: str) -> str:
    """Return the name of a deployment; a path of a script, such as `__file__`, stands for the name of the script.

    Raises:
        InvalidNameError: It has a character that names cannot have.
    """
    name = Path(value).stem if value.endswith(".py") else value
    if found := [character for character in BANNED_CHARACTERS if character in name]:
        raise InvalidNameError(
            f"The deployment name {name!r} contains {', '.join(map(repr, found))}: a name cannot contain any of these "
            f"characters: {' '.join(BANNED_CHARACTERS)}."
        )
    return name


def find_entrypoint(flow: Flow[..., Any], kind: EntrypointType) -> str:
    """Return where a flow's function is, so that another process finds it.

    Raises:
        ValueError: It was not defined in a file, or inside of another function.
    """
    if flow.entrypoint is not None:
        return flow.entrypoint
    name: str = getattr(flow.fn, "__qualname__", type(flow.fn).__qualname__)
    if "<" in name:
        raise ValueError(
            f"The flow {flow.name!r} cannot be found by another process, because {name!r} is not a name of its module: "
            "define it at the top of a file."
        )
    module = getattr(flow.fn, "__module__", None) or "__main__"
    if kind is EntrypointType.MODULE_PATH:
        return f"{_find_importable_name(module, flow.name)}.{name}"
    path = inspect.getsourcefile(inspect.unwrap(flow.fn))
    if path is None or not os.path.isfile(path):
        raise ValueError(
            f"The flow {flow.name!r} is not in a file, so that no other process can find it: put it into a file, or "
            "use flow.from_source."
        )
    relative = os.path.relpath(path)
    return f"{path if relative.startswith(os.pardir) else relative}:{name}"


def _find_importable_name(module: str, flow_name: str) -> str:
    """Return the name by which other processes import a module; the main module has the name of its `-m` argument."""
    if module != "__main__":
        return module
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    if spec is None:
        raise ValueError(
            f"The flow {flow_name!r} is in the program itself, which other processes cannot import as a module: run it "
            "with `python -m`, or use EntrypointType.FILE_PATH."
        )
    return spec.name.removesuffix(".__main__") if spec.name.endswith(".__main__") else spec.name


def _read_limit(limit: int | ConcurrencyLimitConfig | None) -> tuple[int | None, ConcurrencyOptions | None]:
    if not isinstance(limit, ConcurrencyLimitConfig):
        return limit, None
    options = ConcurrencyOptions(
        collision_strategy=limit.collision_strategy, grace_period_seconds=limit.grace_period_seconds
    )
    return limit.limit, options


def _build_pull_steps(storage: Any) -> tuple[dict[str, Any], ...]:
    step = storage.to_pull_step()
    return tuple(step) if isinstance(step, list) else (step,)
