"""From a deployment in a project file to a `DeploymentSpec`: what it says is checked, and its steps are run."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from prefect import settings
from prefect.deployments.spec import DeploymentSpec
from prefect.deployments.steps.core import StepExecutionError, run_steps
from prefect.deployments.yaml import checks, filling, schedules, versions
from prefect.deployments.yaml.project import DeploymentEntry
from prefect.schemas.concurrency import ConcurrencyLimitStrategy, ConcurrencyOptions
from prefect.schemas.work import WorkPool

if TYPE_CHECKING:
    from prefect._flow import Flow
    from prefect.client.orchestration import PrefectClient

PROJECT_LABEL = "pluperfect.project"
"""The label of a deployment with the name of the project that it was first deployed from."""

IMAGE_DIRECTORY = "/opt/prefect"
"""Where images that are built from a project have its code."""

BUILD_IMAGE_STEP = "prefect_docker.deployments.steps.build_docker_image"
SET_WORKING_DIRECTORY_STEP = "prefect.deployments.steps.set_working_directory"


LoadFlow = Callable[[str], "Flow[..., Any]"]


@dataclass(frozen=True, kw_only=True)
class PreparedDeployment:
    """A deployment that was checked, and whose steps have not run yet.

    Attributes:
        written: The deployment as it is in the file.
        entry: The deployment, with the templates filled that need no step.
        flow: Its flow.
        pool: Its work pool; None if it has none.
    """

    written: DeploymentEntry
    entry: DeploymentEntry
    flow: Flow[..., Any]
    pool: WorkPool | None

    @property
    def full_name(self) -> str:
        """The name by which people call it: `flow/deployment`."""
        return f"{self.flow.name}/{self.entry.name}"

    @property
    def has_steps(self) -> bool:
        """Whether the deployment has build or push steps."""
        return any(_as_steps(self.entry.values.get(action)) for action in ("build", "push"))


async def prepare(client: PrefectClient, entry: DeploymentEntry, load_flow: LoadFlow) -> PreparedDeployment:
    """Check a deployment before anything is run or changed.

    Args:
        client: Reads blocks, variables and the work pool.
        entry: The deployment.
        load_flow: Loads a flow by its entrypoint.

    Raises:
        ProjectFileError: Something in it is wrong.
    """
    checks.check_keys(entry)
    checks.check_steps(entry)
    written, entry = entry, await filling.fill_early(client, entry)
    flow = checks.load_flow(entry, load_flow)
    pool = await checks.find_work_pool(client, entry)
    prepared = PreparedDeployment(written=written, entry=entry, flow=flow, pool=pool)
    plan_spec(prepared)
    return prepared


class StepRunner:
    """Runs the build and push steps of deployments. Steps that several deployments share are run once.

    Args:
        print_line: Shows what is done.
    """

    def __init__(self, print_line: Callable[[str], object]) -> None:
        self._print_line = print_line
        self._done: dict[str, dict[str, Any]] = {}

    async def run(self, prepared: PreparedDeployment) -> dict[str, Any]:
        """Run the steps of a deployment and return their outputs.

        Raises:
            ProjectFileError: A step failed.
        """
        outputs: dict[str, Any] = {}
        for action in ("build", "push"):
            steps = _as_steps(prepared.entry.values.get(action))
            if not steps:
                continue
            key = json.dumps([action, steps, outputs], default=str, sort_keys=True)
            if key not in self._done:
                self._print_line(f"Running deployment {action} steps...")
                self._done[key] = await self._run(prepared.entry, action, steps, outputs)
            outputs = self._done[key]
        return outputs

    async def _run(
        self, entry: DeploymentEntry, action: str, steps: list[dict[str, Any]], outputs: dict[str, Any]
    ) -> dict[str, Any]:
        try:
            return await run_steps(steps, outputs, print_function=self._print_line)
        except StepExecutionError as error:
            raise entry.error((action, error.index), " ".join(str(error).split())) from error


def plan_spec(prepared: PreparedDeployment, project: str | None = None) -> DeploymentSpec:
    """Return the specification of a deployment whose steps have not run: their outputs stay placeholders."""
    return build_spec(prepared, {}, project, None if prepared.has_steps else _ignore)


def _ignore(key: str, placeholder: str) -> None:
    pass


def build_spec(
    prepared: PreparedDeployment,
    outputs: Mapping[str, Any],
    project: str | None,
    on_missing: Callable[[str, str], None] | None,
) -> DeploymentSpec:
    """Return the specification of a deployment.

    Args:
        prepared: The deployment.
        outputs: The outputs of its build and push steps.
        project: The name of the project, which a new deployment is labelled with.
        on_missing: See `filling.fill_outputs`.

    Raises:
        ProjectFileError: A value is wrong.
    """
    entry, flow = prepared.entry, prepared.flow
    values = filling.fill_outputs(entry.values, outputs, on_missing)
    entry = DeploymentEntry(
        values=values, document=entry.document, key_path=entry.key_path, overridden=entry.overridden
    )
    work_pool: dict[str, Any] = values.get("work_pool") or {}
    parameter_schema = flow.parameters.model_dump_for_openapi()
    enforced = checks.to_bool(entry, "enforce_parameter_schema")
    parameters = dict(values.get("parameters") or {})
    if enforced is not False:
        checks.check_parameters(entry, flow.name, parameters, parameter_schema)
    if prepared.pool is not None:
        checks.check_job_variables(entry, work_pool.get("job_variables") or {}, prepared.pool)
    limit, options = _read_concurrency(entry)
    version = values.get("version")
    info = versions.find_version_info(entry, None if version is None else str(version))
    if version is None:
        version = info.version if info is not None and info.version else flow.version
    return DeploymentSpec(
        flow_name=flow.name,
        name=entry.name,
        entrypoint=values["entrypoint"],
        pull_steps=tuple(_find_pull_steps(values)),
        parameter_schema=parameter_schema,
        parameters=parameters,
        enforce_parameter_schema=enforced is not False,
        schedules=schedules.build_schedules(
            entry, settings.get_current_settings().deployments.clear_schedules_on_empty
        ),
        paused=checks.to_bool(entry, "paused"),
        concurrency_limit=limit,
        concurrency_options=options,
        work_pool_name=prepared.pool.name if prepared.pool else None,
        work_queue_name=work_pool.get("work_queue_name"),
        job_variables=work_pool.get("job_variables") or {},
        tags=tuple(_read_tags(values.get("tags"))),
        description=_read_text(values.get("description")) or flow.description,
        version=_read_text(version),
        version_info=info,
        triggers=tuple(checks.build_triggers(entry)),
        labels={PROJECT_LABEL: project} if project else {},
    )


def _as_steps(action: Any) -> list[dict[str, Any]]:
    if isinstance(action, Mapping):
        return [dict(cast("Mapping[str, Any]", action))] if action else []
    return [step for step in action or () if step]


def _find_pull_steps(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the pull steps, or the one that uses the code where it is now, or where the built image has it."""
    if values.get("pull") is not None:
        return _as_steps(values["pull"])
    builds_image = any(BUILD_IMAGE_STEP in step for step in _as_steps(values.get("build")))
    directory = f"{IMAGE_DIRECTORY}/{Path.cwd().name}" if builds_image else os.getcwd()
    return [{SET_WORKING_DIRECTORY_STEP: {"directory": directory}}]


def _read_concurrency(entry: DeploymentEntry) -> tuple[int | None, ConcurrencyOptions | None]:
    written: Any = entry.values.get("concurrency_limit")
    if not isinstance(written, Mapping):
        return checks.to_int(entry, ("concurrency_limit",), written), None
    key = "concurrency_limit"
    limit = checks.to_int(entry, (key, "limit"), written.get("limit"))
    strategy = written.get("collision_strategy")
    grace = checks.to_int(entry, (key, "grace_period_seconds"), written.get("grace_period_seconds"))
    if strategy is None and grace is None:
        return limit, None
    if strategy is not None and strategy not in list(ConcurrencyLimitStrategy):
        known = " or ".join(ConcurrencyLimitStrategy)
        raise entry.error((key, "collision_strategy"), f"A collision strategy is {known}, not {strategy!r}.")
    optional = {} if grace is None else {"grace_period_seconds": grace}
    return limit, ConcurrencyOptions(
        collision_strategy=ConcurrencyLimitStrategy(strategy or ConcurrencyLimitStrategy.ENQUEUE), **optional
    )


def _read_tags(written: Any) -> list[str]:
    return [written] if isinstance(written, str) else [str(tag) for tag in written or ()]


def _read_text(written: Any) -> str | None:
    return None if written is None else str(written)
