"""`prefect work-pool storage`: where the bundles and results of a work pool are stored."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from prefect._lazy import lazy, lazy_from
from prefect.cli.core.command import group, output_option, positional
from prefect.cli.core.lookup import find_by_name, get_client, read_all_pages
from prefect.cli.core.output import fail, is_interactive, print_details
from prefect.exceptions import ObjectNotFound

if TYPE_CHECKING:
    from uuid import UUID

    from prefect.blocks import registry
    from prefect.schemas import actions, work
else:
    actions, work = lazy_from("prefect.schemas", "actions", "work")
    registry = lazy("prefect.blocks.registry")

storage = group("storage", "Manage the storage of the bundles and results of a work pool.")
configure = group("configure", "Configure the storage of the bundles and results of a work pool.")
storage.add_command(configure)

_pool_argument = positional("work_pool_name", help="Pass the name of a work pool.")

_TYPES = {
    "prefect_aws": "S3",
    "prefect_gcp": "GCS",
    "prefect_azure": "Azure Blob Storage",
    "prefect": "Local directory",
}
"""The name of the storage of a step, by the package of the step."""


def _launcher_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of what launches the commands that upload and execute bundles."""
    for option in reversed(
        (
            click.option(
                "--launcher", metavar="PROGRAM", help="Program that launches both commands instead of `python`."
            ),
            click.option("--launcher-arg", metavar="ARGUMENT", multiple=True, help="Argument of --launcher."),
            click.option("--upload-launcher", metavar="PROGRAM", help="Program that launches the upload."),
            click.option(
                "--upload-launcher-arg", metavar="ARGUMENT", multiple=True, help="Further argument for the upload."
            ),
            click.option("--execution-launcher", metavar="PROGRAM", help="Program that launches the execution."),
            click.option(
                "--execution-launcher-arg",
                metavar="ARGUMENT",
                multiple=True,
                help="Further argument for the execution.",
            ),
        )
    ):
        function = option(function)
    return function


@storage.command("inspect")
@_pool_argument
@output_option
def inspect(work_pool_name: str, output: str | None) -> None:
    """Show the storage of the bundles of a work pool."""
    pool = _find_pool(work_pool_name)
    found = pool.storage_configuration
    if not found.bundle_upload_step or not found.bundle_execution_step:
        if output:
            return print_details({}, {}, output)
        return click.echo(f"No storage configuration found for work pool {work_pool_name!r}")
    described = _describe(found)
    shown = {"Type": described["type"], **described["upload"]}
    if described["upload"] != described["execution"]:
        shown = {"Type": described["type"], "upload": described["upload"], "execution": described["execution"]}
    return print_details(described, shown, output)


def _describe(found: work.WorkPoolStorageConfiguration) -> dict[str, Any]:
    ((module, upload),) = (found.bundle_upload_step or {}).items()
    ((_, execution),) = (found.bundle_execution_step or {}).items()
    return {"type": _TYPES.get(module.partition(".")[0], module), "upload": upload, "execution": execution}


@dataclass(frozen=True)
class _Cloud:
    """A storage in a cloud, as a command configures it.

    Attributes:
        command: The name of the command.
        title: What messages call the storage.
        description: What the command's help says of it.
        place: What a place in it is called: a bucket or a container.
        package: The package with the steps that upload and execute bundles.
        credentials_type: The type of block with its credentials, as the option and the argument of the steps name it.
        credentials_title: What messages call the credentials.
        needs_credentials: Whether there are no default credentials.
        block_type: The type of block for the results of runs.
        block_fields: The fields of that block with the place, the folder and the credentials.
    """

    command: str
    title: str
    description: str
    place: str
    package: str
    credentials_type: str
    credentials_title: str
    needs_credentials: bool
    block_type: str
    block_fields: tuple[str, str, str]


_CLOUDS = (
    _Cloud(
        command="s3",
        title="S3",
        description="a bucket of S3.",
        place="bucket",
        package="prefect-aws",
        credentials_type="aws-credentials",
        credentials_title="AWS",
        needs_credentials=False,
        block_type="s3-bucket",
        block_fields=("bucket_name", "bucket_folder", "credentials"),
    ),
    _Cloud(
        command="gcs",
        title="GCS",
        description="a bucket of Google Cloud Storage.",
        place="bucket",
        package="prefect-gcp",
        credentials_type="gcp-credentials",
        credentials_title="GCS",
        needs_credentials=False,
        block_type="gcs-bucket",
        block_fields=("bucket", "bucket_folder", "gcp_credentials"),
    ),
    _Cloud(
        command="azure-blob-storage",
        title="Azure Blob Storage",
        description="a container of Azure Blob Storage.",
        place="container",
        package="prefect-azure",
        credentials_type="azure-blob-storage-credentials",
        credentials_title="Azure Blob Storage",
        needs_credentials=True,
        block_type="azure-blob-storage-container",
        block_fields=("container_name", "base_folder", "credentials"),
    ),
)


def _add_command(cloud: _Cloud) -> None:
    """Add the command that stores the bundles and results of a work pool in a cloud."""
    option = f"--{cloud.credentials_type}-block-name"
    argument = option.removeprefix("--").replace("-", "_")

    @configure.command(cloud.command, help=f"Store the bundles and results of a work pool in {cloud.description}")
    @_pool_argument
    @click.option(f"--{cloud.place}", "place", help=f"Name of the {cloud.place}.")
    @click.option(option, "credentials", help=f"Name of a block of {cloud.credentials_title} credentials.")
    @_launcher_options
    def _(work_pool_name: str, place: str | None, credentials: str | None, **launchers: Any) -> None:
        place = _require(place, f"--{cloud.place}", f"Name of the {cloud.place}")
        if cloud.needs_credentials:
            credentials = _require(credentials, option, "Name of the block of credentials")
        pool = _find_pool(work_pool_name)
        place_field, folder_field, credentials_field = cloud.block_fields
        data: dict[str, Any] = {place_field: place, folder_field: "results"}
        if credentials is not None:
            data[credentials_field] = _load_credentials(credentials, cloud, option)
        arguments = {cloud.place: place, argument: credentials, "requires": cloud.package}
        _save(pool, f"{cloud.package.replace('-', '_')}.bundles", arguments, launchers, cloud.block_type, data)
        click.echo(f"Configured {cloud.title} storage for work pool {work_pool_name!r}")


for _cloud in _CLOUDS:
    _add_command(_cloud)


@configure.command("local")
@_pool_argument
@click.option("--path", metavar="DIRECTORY", help="Directory that programs and the infrastructure share.")
@_launcher_options
def local(work_pool_name: str, path: str | None, **launchers: Any) -> None:
    """Store the bundles and results of a work pool in a directory."""
    directory = Path(_require(path, "--path", "Directory")).expanduser().resolve()
    pool = _find_pool(work_pool_name)
    data = {"basepath": str(directory / "results")}
    _save(pool, "prefect.bundles", {"directory": str(directory)}, launchers, "local-file-system", data)
    click.echo(f"Configured the directory {directory} for work pool {work_pool_name!r}")


# --- what they share -------------------------------------------------------------------------------------------------


def _find_pool(name: str) -> work.WorkPool:
    client = get_client()
    return find_by_name(
        "work pool", name, client.read_work_pool, lambda: [pool.name for pool in read_all_pages(client.read_work_pools)]
    )


def _require(value: str | None, option: str, question: str) -> str:
    if value:
        return value
    if not is_interactive():
        fail(f"{option} is required in non-interactive mode.")
    return click.prompt(question, err=True)


def _load_credentials(name: str, cloud: _Cloud, option: str) -> Any:
    """Return a block of credentials."""
    slug = cloud.credentials_type
    try:
        get_client().read_block_document_by_name(name, slug, include_secrets=False)
    except ObjectNotFound:
        fail(
            f"{cloud.credentials_title} credentials block {name!r} does not exist. Create one with "
            f"`prefect block create {slug}`, or omit {option} to use default credentials."
        )
    return _find_class(slug).load(name)


def _save(
    pool: work.WorkPool,
    package: str,
    arguments: dict[str, Any],
    launchers: dict[str, Any],
    block_type: str,
    data: dict[str, Any],
) -> None:
    """Set the steps of a work pool, and the block of its results."""
    shared = _read_launcher(launchers, "launcher", ())
    kept = {name: value for name, value in arguments.items() if value is not None}
    steps: dict[str, Any] = {}
    for side, module in (("upload", "upload"), ("execution", "execute")):
        launcher = _read_launcher(launchers, f"{side}_launcher", shared)
        values = {name: value for name, value in kept.items() if not launcher or name != "requires"}
        steps[side] = {f"{package}.{module}": {**values, **({"launcher": launcher} if launcher else {})}}
    configuration = work.WorkPoolStorageConfiguration(
        bundle_upload_step=steps["upload"],
        bundle_execution_step=steps["execution"],
        default_result_storage_block_id=_save_result_block(pool, block_type, data),
    )
    get_client().update_work_pool(pool.name, actions.WorkPoolUpdate(storage_configuration=configuration))


def _read_launcher(options: dict[str, Any], name: str, shared: Sequence[str]) -> list[str]:
    program, further = options[name], options[f"{name}_arg"]
    if program is None and further and not shared:
        option = f"--{name.replace('_', '-')}"
        fail(f"{option}-arg needs {option}, or --launcher.")
    return [*([program] if program is not None else shared), *further]


def _save_result_block(pool: work.WorkPool, type_slug: str, values: dict[str, Any]) -> UUID:
    """Save the block in which the runs of a work pool store their results; return its id."""
    block = _find_class(type_slug)(**values)
    return block.save(f"default-{pool.name}-result-storage", overwrite=True)


def _find_class(type_slug: str) -> Any:
    try:
        return registry.find_class(type_slug)
    except registry.UnknownBlockType as error:
        fail(str(error))
