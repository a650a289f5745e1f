"""The part of the public flow that deploys: to a runner in this program, or to a work pool."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from prefect import _flow
from prefect._entrypoint_type import EntrypointType
from prefect._io import class_twin, twin
from prefect._lazy import lazy_from, lazy_modules

if TYPE_CHECKING:
    import pathlib
    import tempfile
    from datetime import timedelta
    from uuid import UUID

    from prefect.deployments import deploying, runner_deployment, serving
    from prefect.deployments.runner_deployment import RunnerDeployment
    from prefect.deployments.schedules import FlexibleScheduleList
    from prefect.events import DeploymentTriggerTypes, TriggerTypes
    from prefect.filesystems import ReadableDeploymentStorage
    from prefect.runner import storage
    from prefect.runner.storage import RunnerStorage
    from prefect.schedules import Schedule
    from prefect.schemas.concurrency import ConcurrencyLimitConfig
else:
    pathlib, tempfile = lazy_modules("pathlib", "tempfile")
    deploying, runner_deployment = lazy_from("prefect.deployments", "deploying", "runner_deployment")
    serving, storage = lazy_from("prefect", "deployments.serving", "runner.storage")

P = ParamSpec("P")
R = TypeVar("R", covariant=True)

_SERVE_OPTIONS = frozenset(
    ("self", "name", "global_limit", "pause_on_shutdown", "print_starting_message", "limit", "webserver")
)
"""Arguments of `serve` that `to_deployment` does not have under the same name."""

_DEPLOY_OPTIONS = frozenset(("self", "image", "build", "push", "print_next_steps", "ignore_warnings"))
"""Arguments of `deploy` that `to_deployment` does not have."""


class DeployableFlow(_flow.Flow[P, R]):
    __doc__ = _flow.Flow.__doc__

    # --- serving and deploying ----------------------------------------------------------------------------------------

    async def ato_deployment(
        self,
        name: str,
        interval: Iterable[int | float | timedelta] | int | float | timedelta | None = None,
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
    ) -> RunnerDeployment:
        """Make a deployment of the flow, to be passed to `serve` or `deploy`; nothing is created yet.

        Args:
            name: The deployment's name.
            interval: Seconds, or a timedelta, between its runs; or several.
            cron: A cron expression by which it runs; or several.
            rrule: An iCalendar recurrence rule by which it runs; or several.
            paused: Whether its schedules make no runs.
            schedule: A schedule of `prefect.schedules`.
            schedules: Several of them.
            concurrency_limit: How many of its runs may run at the same time, with or without what happens to others.
            parameters: Arguments of its runs, by name.
            triggers: Triggers of events that start it.
            description: What it is for; the flow's description by default.
            tags: Tags of its runs.
            version: The version of its code; the flow's version by default.
            version_type: What kind of version that is.
            enforce_parameter_schema: Whether the arguments of a run must satisfy the type hints.
            work_pool_name: The work pool whose workers run it.
            work_queue_name: The queue in that pool.
            job_variables: What the pool's job template is filled with.
            entrypoint_type: Whether the flow is found by its file or by its module.

        Raises:
            ValueError: A schedule is not valid, or the flow is in no file.
            InvalidNameError: The name has a character that names cannot have.
        """
        options = {key: value for key, value in locals().items() if key != "self"}
        return runner_deployment.RunnerDeployment.from_flow(self, **options)

    to_deployment = twin(ato_deployment)

    def serve(
        self,
        name: str | None = None,
        interval: Iterable[int | float | timedelta] | int | float | timedelta | None = None,
        cron: Iterable[str] | str | None = None,
        rrule: Iterable[str] | str | None = None,
        paused: bool | None = None,
        schedule: Schedule | None = None,
        schedules: FlexibleScheduleList | None = None,
        global_limit: int | ConcurrencyLimitConfig | None = None,
        triggers: list[DeploymentTriggerTypes | TriggerTypes] | None = None,
        parameters: dict[str, Any] | None = None,
        description: str | None = None,
        tags: list[str] | None = None,
        version: str | None = None,
        enforce_parameter_schema: bool = True,
        pause_on_shutdown: bool = True,
        print_starting_message: bool = True,
        limit: int | None = None,
        webserver: bool = False,
        entrypoint_type: EntrypointType = EntrypointType.FILE_PATH,
    ) -> None:
        """Deploy the flow and run what is due, in processes of their own, until the program is interrupted.

        When no server is configured, one runs in this process meanwhile.

        Args:
            name: The deployment's name; the flow's name by default.
            global_limit: How many of its runs may run at the same time, wherever they run.
            pause_on_shutdown: Whether to pause the deployment at the end.
            print_starting_message: Whether to print what is served, and how to start a run.
            limit: How many of its runs this program runs at the same time; by default four for each core.
            webserver: Whether to serve the program's health over HTTP.
            **options: See `to_deployment`.

        Raises:
            DeploymentApplyError: The server refuses the deployment.
            RuntimeError: An event loop runs here: use `aserve`.
        """
        options = {key: value for key, value in locals().items() if key not in _SERVE_OPTIONS}
        deployment = runner_deployment.RunnerDeployment.from_flow(
            self, name or self.name, concurrency_limit=global_limit, **options
        )
        serving.run_until_interrupted(
            deployments=[deployment],
            name=name,
            pause_on_shutdown=pause_on_shutdown,
            print_starting_message=print_starting_message,
            limit=limit,
            webserver=webserver,
        )

    async def adeploy(
        self,
        name: str,
        work_pool_name: str | None = None,
        image: Any = None,
        build: bool = True,
        push: bool = True,
        work_queue_name: str | None = None,
        job_variables: dict[str, Any] | None = None,
        interval: int | float | timedelta | None = None,
        cron: str | None = None,
        rrule: str | None = None,
        paused: bool | None = None,
        schedule: Schedule | None = None,
        schedules: list[Schedule] | None = None,
        concurrency_limit: int | ConcurrencyLimitConfig | None = None,
        triggers: list[DeploymentTriggerTypes | TriggerTypes] | None = None,
        parameters: dict[str, Any] | None = None,
        description: str | None = None,
        tags: list[str] | None = None,
        version: str | None = None,
        version_type: str | None = None,
        enforce_parameter_schema: bool = True,
        entrypoint_type: EntrypointType = EntrypointType.FILE_PATH,
        print_next_steps: bool = True,
        ignore_warnings: bool = False,
    ) -> UUID:
        """Deploy the flow to a work pool, whose workers run it, and return the id of the deployment.

        The workers must be able to get the code: it is in the image, or fetched as `from_source` says.

        Args:
            work_pool_name: The pool; that of the setting `deployments.default_work_pool_name` if None.
            image: The image to run it in: a name, or a `DockerImage`.
            build: Whether to build the image.
            push: Whether to push it to its registry.
            print_next_steps: Whether to print how to start a worker and a run.
            ignore_warnings: Whether to print no warnings about the pool.
            **options: See `to_deployment`.

        Raises:
            ValueError: There is no such pool, or its workers could not get the code.
            DeploymentApplyError: The server refuses the deployment.
        """
        options = {key: value for key, value in locals().items() if key not in _DEPLOY_OPTIONS}
        deployment = runner_deployment.RunnerDeployment.from_flow(self, **options)
        ids = await deploying.adeploy(
            deployment,
            work_pool_name=work_pool_name,
            image=image,
            build=build,
            push=push,
            print_next_steps_message=print_next_steps,
            ignore_warnings=ignore_warnings,
        )
        return ids[0]

    deploy = twin(adeploy)

    # --- code in other places -----------------------------------------------------------------------------------------

    @classmethod
    async def afrom_source(
        cls, source: str | pathlib.Path | RunnerStorage | ReadableDeploymentStorage, entrypoint: str
    ) -> _flow.Flow[..., Any]:
        """Load a flow from a repository, a store or a directory; its deployments fetch the code from there.

        Args:
            source: The URL of a git repository or of a store, a directory, a storage, or a block.
            entrypoint: Where the flow is in it: `"path/to/file.py:function"`.

        Raises:
            MissingFlowError: The file has no such flow.
            ScriptError: There is no such file, or it failed to run.
        """
        place = _find_storage(source)
        with tempfile.TemporaryDirectory(prefix="prefect-source-", ignore_cleanup_errors=True) as directory:
            if not isinstance(place, storage.LocalStorage):
                place.set_base_path(pathlib.Path(directory))
            await place.pull_code()
            flow = _flow.load_flow(str(place.destination / entrypoint))
        flow.storage, flow.entrypoint = place, entrypoint
        return flow

    from_source = class_twin(afrom_source)


def _find_storage(source: Any) -> RunnerStorage:
    if isinstance(source, (str, pathlib.Path)):
        return storage.create_storage_from_source(str(source))
    if isinstance(source, storage.RunnerStorage):
        return source
    return storage.BlockStorageAdapter(source)
