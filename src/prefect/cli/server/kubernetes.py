"""`prefect kubernetes`: manifests that run a server and workers in a cluster."""

from __future__ import annotations

import importlib
import re
from typing import TYPE_CHECKING, Any

import click

from prefect._lazy import lazy
from prefect.cli.core.command import flag, group
from prefect.cli.core.output import fail

if TYPE_CHECKING:
    import yaml
else:
    yaml = lazy("yaml")

command = group("kubernetes", "Run a server and workers in a Kubernetes cluster.")


@command.group("manifest")
def manifest() -> None:
    """Print manifests for `kubectl apply -f -`."""


def _check_name(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    if value is not None and not re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", value):
        fail(
            f"{value!r} cannot be the name of an object of Kubernetes ({param.opts[0]}): use at most 63 small letters, "
            "digits and hyphens, with no hyphen at the ends."
        )
    return value


namespace_option = click.option(
    "--namespace", "-n", default="default", show_default=True, callback=_check_name, help="Namespace of the objects."
)
image_option = click.option(
    "--image", "-i", default=None, help="Image of the container; by default the image of this version."
)


@manifest.command("server")
@namespace_option
@image_option
@click.option("--storage", default="5Gi", show_default=True, help="Size of the volume of the database.")
@click.option(
    "--database-secret",
    default=None,
    callback=_check_name,
    help="Secret whose key `connection-url` is the URL of a PostgreSQL database; then no volume is created.",
)
def server(namespace: str, image: str | None, storage: str, database_secret: str | None) -> None:
    """Print the manifests of a server, which gets no access to the API of Kubernetes."""
    installation = _load("prefect_kubernetes.installation")
    if not _load("prefect_kubernetes.manifests").QUANTITY.fullmatch(storage):
        fail(f"{storage!r} is not the size of a volume (--storage): write for example 5Gi.")
    _print(
        installation.build_server(
            namespace=namespace, image=image or _find_image(), storage=storage, database_secret=database_secret
        )
    )


@manifest.command("worker")
@click.option("--pool", "-p", required=True, help="Work pool of type `kubernetes`.")
@namespace_option
@click.option(
    "--job-namespace",
    default=None,
    callback=_check_name,
    help="Namespace of the jobs; by default that of the worker.",
)
@image_option
@click.option("--api-url", default=None, help="URL of the API; by default that of a server in the same namespace.")
@click.option("--api-key-secret", default=None, callback=_check_name, help="Secret whose key `value` is the API key.")
@click.option(
    "--auth-string-secret",
    default=None,
    callback=_check_name,
    help="Secret whose key `value` is the user name and password of the API, as `user:password`.",
)
@flag(
    "--store-env-as-secret",
    help="Store the environment of each job in a secret; the worker gets the permission to create secrets.",
)
def worker(
    pool: str,
    namespace: str,
    job_namespace: str | None,
    image: str | None,
    api_url: str | None,
    api_key_secret: str | None,
    auth_string_secret: str | None,
    store_env_as_secret: bool,
) -> None:
    """Print the manifests of a worker, with a role that is limited to one namespace.

    Jobs get the default service account of their namespace, or that of the job variable `service_account_name`.
    """
    if api_url is not None and not re.match(r"https?://[^/\s]+", api_url):
        fail(f"{api_url!r} is not the address of an API (--api-url): write for example http://prefect-server:4200/api.")
    installation = _load("prefect_kubernetes.installation")
    _print(
        installation.build_worker(
            pool=pool,
            namespace=namespace,
            job_namespace=job_namespace or namespace,
            image=image or _find_image(),
            api_url=api_url or f"http://{installation.SERVER_NAME}.{namespace}:{installation.SERVER_PORT}/api",
            secrets=installation.WorkerSecrets(api_key_secret, auth_string_secret, store_env_as_secret),
        )
    )


def _find_image() -> str:
    return _load("prefect.utilities.dockerutils").get_prefect_image_name()


def _load(module: str) -> Any:
    return importlib.import_module(module)


def _print(manifests: list[dict[str, Any]]) -> None:
    click.echo(yaml.safe_dump_all(manifests, sort_keys=False), nl=False)
