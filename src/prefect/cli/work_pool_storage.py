"""`prefect work-pool storage`: where the bundles and results of a work pool are stored."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from prefect._lazy import lazy, lazy_from
from prefect.cli._command import group, output_option, positional
from prefect.cli._lookup import find_by_name, get_client, read_all_pages
from prefect.cli._output import fail, is_interactive, print_details
from prefect.exceptions import ObjectNotFound

if TYPE_CHECKING:
    from uuid import UUID

    from prefect.blocks import registry
    from prefect.schemas import actions, work
else:
    actions, work = lazy_from("prefect.schemas", "actions", "work")
    registry = lazy("prefect.blocks.registry")

storage = group("storage", "Manage where the bundles and results of a work pool are stored.")
configure = group("configure", "Choose where the bundles and results of a work pool are stored.")
storage.add_command(configure)

_pool_argument = positional("work_pool_name", help="Pass the name of a work pool.")

_TYPES = {
    "prefect_aws": "S3",
    "prefect_gcp": "GCS",
    "prefect_azure": "Azure Blob Storage",
    "prefect": "Local directory",
}
"""What the storage of a step is called, by the package of the step."""


def _launcher_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of what launches the commands that upload and execute bundles."""
    for option in reversed(
        (
            click.option("--launcher", metavar="PROGRAM", help="Program that launches both commands, not `python`."),
            click.option("--launcher-arg", metavar="ARGUMENT", multiple=True, help="Argument of --launcher."),
            click.option("--upload-launcher", metavar="PROGRAM", help="Program that launches the upload only."),
            click.option(
                "--upload-launcher-arg", metavar="ARGUMENT", multiple=True, help="Further argument for the upload."
            ),
            click.option("--execution-launcher", metavar="PROGRAM", help="Program that launches the execution only."),
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
    """Show where the bundles of a work pool are stored."""
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


@configure.command("s3")
@_pool_argument
@click.option("--bucket", help="Name of the bucket.")
@click.option("--aws-credentials-block-name", "credentials", help="Name of a block of AWS credentials.")
@_launcher_options
def s3(work_pool_name: str, bucket: str | None, credentials: str | None, **launchers: Any) -> None:
    """Store the bundles and results of a work pool in a bucket of S3."""
    bucket = _require(bucket, "--bucket", "Name of the bucket")
    pool = _find_pool(work_pool_name)
    loaded = _load_credentials(credentials, "aws-credentials", "AWS", "--aws-credentials-block-name")
    arguments = {"bucket": bucket, "aws_credentials_block_name": credentials, "requires": "prefect-aws"}
    data = {"bucket_name": bucket, "bucket_folder": "results", **loaded}
    _save(pool, "prefect_aws.bundles", arguments, launchers, "s3-bucket", data)
    click.echo(f"Configured S3 storage for work pool {work_pool_name!r}")


@configure.command("gcs")
@_pool_argument
@click.option("--bucket", help="Name of the bucket.")
@click.option("--gcp-credentials-block-name", "credentials", help="Name of a block of GCP credentials.")
@_launcher_options
def gcs(work_pool_name: str, bucket: str | None, credentials: str | None, **launchers: Any) -> None:
    """Store the bundles and results of a work pool in a bucket of Google Cloud Storage, by `prefect-gcp`."""
    bucket = _require(bucket, "--bucket", "Name of the bucket")
    pool = _find_pool(work_pool_name)
    loaded = _load_credentials(credentials, "gcp-credentials", "GCS", "--gcp-credentials-block-name")
    arguments = {"bucket": bucket, "gcp_credentials_block_name": credentials, "requires": "prefect-gcp"}
    data = {"bucket": bucket, "bucket_folder": "results", **loaded}
    _save(pool, "prefect_gcp.bundles", arguments, launchers, "gcs-bucket", data)
    click.echo(f"Configured GCS storage for work pool {work_pool_name!r}")


@configure.command("azure-blob-storage")
@_pool_argument
@click.option("--container", help="Name of the container.")
@click.option("--azure-blob-storage-credentials-block-name", "credentials", help="Name of a block of credentials.")
@_launcher_options
def azure_blob_storage(work_pool_name: str, container: str | None, credentials: str | None, **launchers: Any) -> None:
    """Store the bundles and results of a work pool in a container of Azure Blob Storage, by `prefect-azure`."""
    option = "--azure-blob-storage-credentials-block-name"
    container = _require(container, "--container", "Name of the container")
    credentials = _require(credentials, option, "Name of the block of credentials")
    pool = _find_pool(work_pool_name)
    loaded = _load_credentials(credentials, "azure-blob-storage-credentials", "Azure Blob Storage", option)
    arguments = {
        "container": container,
        "azure_blob_storage_credentials_block_name": credentials,
        "requires": "prefect-azure",
    }
    data = {"container_name": container, "base_folder": "results", **loaded}
    _save(pool, "prefect_azure.bundles", arguments, launchers, "azure-blob-storage-container", data)
    click.echo(f"Configured Azure Blob Storage for work pool {work_pool_name!r}")


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


def _load_credentials(name: str | None, type_slug: str, title: str, option: str) -> dict[str, Any]:
    """Return a block of credentials, by the name of its field; nothing if there is no name."""
    if name is None:
        return {}
    try:
        get_client().read_block_document_by_name(name, type_slug, include_secrets=False)
    except ObjectNotFound:
        fail(
            f"{title} credentials block {name!r} does not exist. Create one with `prefect block create {type_slug}`, "
            f"or omit {option} to use default credentials."
        )
    return {"gcp_credentials" if type_slug == "gcp-credentials" else "credentials": _find_class(type_slug).load(name)}


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
