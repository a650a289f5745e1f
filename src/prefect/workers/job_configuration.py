"""The configuration of a job: what a worker starts for one flow run, filled from the job template of its pool."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, NamedTuple, Self, cast
from uuid import UUID

from pydantic import BaseModel, Field, PrivateAttr, field_validator
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode

import prefect
from prefect import variables
from prefect.blocks import placeholders
from prefect.client import orchestration
from prefect.events.related import object_as_related_resource, tags_as_related_resources
from prefect.schemas.events import RelatedResource
from prefect.settings import get_current_settings
from prefect.values.annotations import NotSet
from prefect.values.nested import deep_merge
from prefect.values.templates import apply_values

if TYPE_CHECKING:
    from prefect.client.orchestration import PrefectClient
    from prefect.schemas.responses import DeploymentResponse
    from prefect.schemas.runs import Flow, FlowRun
    from prefect.schemas.work import WorkPool

DEFAULT_COMMAND = "prefect flow-run execute"
"""The command that executes the flow run that `PREFECT__FLOW_RUN_ID` names."""


class WorkerIdentity(NamedTuple):
    """The name of a worker, and its id on the server if it has reported to it."""

    name: str
    id: UUID | None = None


class BaseJobConfiguration(BaseModel):
    """The configuration of a flow run's job. A worker's own class adds what its infrastructure needs.

    A field may have a default template of its own in `json_schema_extra={"template": ...}`.
    """

    command: str | None = Field(
        default=None,
        description="The command to use when starting a flow run. By default the flow run's own.",
    )
    env: dict[str, str | None] = Field(
        default_factory=dict, title="Environment Variables", description="Environment variables to set for a flow run."
    )
    labels: dict[str, str] = Field(
        default_factory=dict, description="Labels applied to infrastructure created by a worker."
    )
    name: str | None = Field(default=None, description="Name given to infrastructure created by a worker.")

    _related_objects: dict[str, Any] = PrivateAttr(default_factory=dict[str, Any])

    @property
    def is_using_a_runner(self) -> bool:
        """Whether the command executes the flow run by a runner, which handles cancellation itself."""
        return self.command is not None and "prefect flow-run execute" in self.command

    @field_validator("env", mode="before")
    @classmethod
    def _coerce_env(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value if value is not None else {}
        items = cast("dict[str, Any]", value).items()
        return {name: text if text is None or isinstance(text, str) else _to_text(text) for name, text in items}

    @field_validator("labels", mode="before")
    @classmethod
    def _coerce_labels(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value if value is not None else {}
        return {str(key): str(text) for key, text in cast("dict[Any, Any]", value).items()}

    @classmethod
    async def from_template_and_values(
        cls, base_job_template: dict[str, Any], values: dict[str, Any], client: PrefectClient | None = None
    ) -> Self:
        """Return the configuration that a job template gives with some values for its variables.

        A variable without a value has its default. Placeholders of blocks, variables and the environment are resolved.

        Args:
            base_job_template: The template: `job_configuration`, and `variables` with their JSON schema.
            values: The values of variables; nested objects are merged with the defaults.
            client: The client to read blocks and variables with.
        """
        template = base_job_template.get("job_configuration") or cls.json_template()
        properties = (base_job_template.get("variables") or {}).get("properties") or {}
        defaults = {
            name: definition["default"]
            for name, definition in properties.items()
            if isinstance(definition, dict) and "default" in definition
        }
        filled = apply_values(template, deep_merge(defaults, values))
        if filled is NotSet:
            filled = {}
        if client is None:
            async with orchestration.get_client() as own:
                return cls(**await _resolve(filled, own))
        return cls(**await _resolve(filled, client))

    @classmethod
    def json_template(cls) -> dict[str, Any]:
        """Return the template of this configuration: each field is a variable of its name, or has its own template."""
        template: dict[str, Any] = {}
        for name, definition in cls.model_json_schema().get("properties", {}).items():
            template[name] = definition.get("template", f"{{{{ {name} }}}}")
        return template

    def prepare_for_flow_run(
        self,
        flow_run: FlowRun,
        deployment: DeploymentResponse | None = None,
        flow: Flow | None = None,
        work_pool: WorkPool | None = None,
        worker_name: str | None = None,
        worker_id: UUID | None = None,
    ) -> None:
        """Add what a flow run needs: its command, environment, labels and name.

        Args:
            flow_run: The run.
            deployment: Its deployment.
            flow: Its flow.
            work_pool: Its work pool.
            worker_name: The worker that starts it.
            worker_id: The worker's id on the server.
        """
        self._adapt_template()
        self._related_objects = {"deployment": deployment, "flow": flow, "flow-run": flow_run}
        environment = {
            **self._base_environment(),
            **_name_result_storage(work_pool),
            **self._base_flow_run_environment(flow_run),
            **_attribution(deployment, flow, worker_name, worker_id),
            **(self.env if isinstance(self.env, dict) else {}),
        }
        if isinstance(self.env, dict):
            self.env = cast("dict[str, str | None]", environment)
        self.labels = {
            **self._base_flow_run_labels(flow_run),
            **self._base_work_pool_labels(work_pool),
            **self._base_worker_name_label(worker_name),
            **self._base_flow_labels(flow),
            **self._base_deployment_labels(deployment),
            **self.labels,
        }
        self.name = self.name or flow_run.name
        self.command = self.command or self._base_flow_run_command()
        self._adapt_to_infrastructure()

    def _adapt_template(self) -> None:
        """Correct what the job template left, before a flow run is prepared."""

    def _adapt_to_infrastructure(self) -> None:
        """Bring what was prepared for a flow run into the form that the infrastructure needs."""

    @classmethod
    async def resolve_for_flow_run(
        cls,
        flow_run: FlowRun,
        client: PrefectClient,
        work_pool: WorkPool,
        worker: WorkerIdentity,
        deployment: DeploymentResponse | None = None,
    ) -> Self:
        """Return the configuration of a flow run, from its pool, its deployment and its own job variables.

        Args:
            flow_run: The run.
            client: The client to read the deployment and the flow with.
            work_pool: The run's pool, with the job template.
            worker: The worker that starts it.
            deployment: The run's deployment; it is read if None.
        """
        reading = asyncio.ensure_future(client.read_flow(flow_run.flow_id))
        try:
            if deployment is None and flow_run.deployment_id is not None:
                deployment = await client.read_deployment(flow_run.deployment_id)
            flow = await reading
        finally:
            reading.cancel()
        values = deep_merge((deployment.job_variables if deployment else None) or {}, flow_run.job_variables or {})
        configuration = await cls.from_template_and_values(work_pool.base_job_template, values, client)
        configuration.prepare_for_flow_run(
            flow_run, deployment, flow, work_pool=work_pool, worker_name=worker.name, worker_id=worker.id
        )
        return configuration

    # --- what subclasses may change -----------------------------------------------------------------------------------

    @staticmethod
    def _base_flow_run_command() -> str:
        """Return the command of a flow run whose job has none."""
        return DEFAULT_COMMAND

    @staticmethod
    def _base_environment() -> dict[str, str]:
        """Return the settings of this process as environment variables."""
        return get_current_settings().to_environment_variables(exclude_unset=True)

    @staticmethod
    def _base_flow_run_environment(flow_run: FlowRun | None) -> dict[str, str]:
        """Return the environment variables that identify a flow run."""
        return {"PREFECT__FLOW_RUN_ID": str(flow_run.id)} if flow_run is not None else {}

    @staticmethod
    def _base_flow_run_labels(flow_run: FlowRun | None) -> dict[str, str]:
        """Return the labels that identify a flow run."""
        if flow_run is None:
            return {}
        return {
            "prefect.io/flow-run-id": str(flow_run.id),
            "prefect.io/flow-run-name": flow_run.name,
            "prefect.io/version": prefect.__version__,
        }

    @staticmethod
    def _base_deployment_labels(deployment: DeploymentResponse | None) -> dict[str, str]:
        """Return the labels that identify a deployment."""
        if deployment is None:
            return {}
        labels = {"prefect.io/deployment-id": str(deployment.id), "prefect.io/deployment-name": deployment.name}
        if deployment.updated is not None:
            labels["prefect.io/deployment-updated"] = deployment.updated.strftime("%Y-%m-%dT%H:%M:%SZ")
        return labels

    @staticmethod
    def _base_flow_labels(flow: Flow | None) -> dict[str, str]:
        """Return the labels that identify a flow."""
        if flow is None:
            return {}
        return {"prefect.io/flow-id": str(flow.id), "prefect.io/flow-name": flow.name}

    @staticmethod
    def _base_work_pool_labels(work_pool: WorkPool | None) -> dict[str, str]:
        """Return the labels that identify a work pool."""
        if work_pool is None:
            return {}
        return {"prefect.io/work-pool-id": str(work_pool.id), "prefect.io/work-pool-name": work_pool.name}

    @staticmethod
    def _base_worker_name_label(worker_name: str | None) -> dict[str, str]:
        """Return the label that names a worker."""
        return {} if worker_name is None else {"prefect.io/worker-name": worker_name}

    def _related_resources(self) -> list[RelatedResource]:
        """Return the flow run, its flow and deployment and their tags, as related resources of events."""
        tags: set[str] = set()
        related: list[RelatedResource] = []
        for kind, found in self._related_objects.items():
            if found is not None:
                tags |= set(getattr(found, "tags", None) or ())
                related.append(object_as_related_resource(kind, kind, found))
        return [*related, *tags_as_related_resources(tags)]


class BaseVariables(BaseModel):
    """The variables of a job template. Subclasses add the variables of their infrastructure."""

    name: str | None = Field(default=None, description="Name given to infrastructure created by a worker.")
    env: dict[str, str | None] = Field(
        default_factory=dict, title="Environment Variables", description="Environment variables to set for a flow run."
    )
    labels: dict[str, str] = Field(
        default_factory=dict, description="Labels applied to infrastructure created by a worker."
    )
    command: str | None = Field(
        default=None,
        description="The command to use when starting a flow run. By default the flow run's own.",
    )

    @classmethod
    def model_json_schema(  # pyright: ignore[reportIncompatibleMethodOverride]  # the signature of the interface
        cls,
        by_alias: bool = True,
        ref_template: str = "#/definitions/{model}",
        schema_generator: type[GenerateJsonSchema] = GenerateJsonSchema,
        mode: JsonSchemaMode = "validation",
        **options: Any,
    ) -> dict[str, Any]:
        """Return the JSON schema of the variables, with nested models under `definitions`."""
        schema = super().model_json_schema(by_alias, ref_template, schema_generator, mode, **options)
        if "$defs" in schema:
            schema["definitions"] = schema.pop("$defs")
        return schema


async def _resolve(filled: Any, client: PrefectClient) -> dict[str, Any]:
    with_blocks = await placeholders.resolve_block_document_references(filled, client)
    return cast("dict[str, Any]", await variables.resolve_variables(with_blocks, client))


def _to_text(value: Any) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def _attribution(
    deployment: DeploymentResponse | None, flow: Flow | None, worker_name: str | None, worker_id: UUID | None
) -> dict[str, str]:
    """Return the environment variables by which requests of a run name its worker, flow and deployment."""
    values = {
        "PREFECT__WORKER_NAME": worker_name,
        "PREFECT__WORKER_ID": worker_id,
        "PREFECT__FLOW_ID": flow and flow.id,
        "PREFECT__FLOW_NAME": flow and flow.name,
        "PREFECT__DEPLOYMENT_ID": deployment and deployment.id,
        "PREFECT__DEPLOYMENT_NAME": deployment and deployment.name,
    }
    return {name: str(value) for name, value in values.items() if value}


def _name_result_storage(work_pool: WorkPool | None) -> dict[str, str]:
    """Return the setting by which the runs of a pool store their results in the pool's block, if it has one."""
    block_id = work_pool.storage_configuration.default_result_storage_block_id if work_pool else None
    return {} if block_id is None else {"PREFECT_RESULTS_DEFAULT_STORAGE_BLOCK": str(block_id)}
