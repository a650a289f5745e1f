"""The work pool and the class of worker that a command means, and the installation of the class's package."""

from __future__ import annotations

import importlib
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Any

import click

from prefect.cli.core.lookup import get_client
from prefect.cli.core.output import fail, is_interactive
from prefect.client import failures
from prefect.exceptions import ObjectNotFound
from prefect.schemas import filters
from prefect.schemas.work import WorkPool
from prefect.settings import get_current_settings
from prefect.workers import registry
from prefect.workers.base import BaseWorker

DEFAULT_TYPE = "process"
RETRY_INTERVAL_SECONDS = 2.0
"""Between two attempts to read the pool from an unavailable server."""


def find_pool(work_queues: Sequence[str]) -> str:
    """Return the pool to poll if none is named: the pool of the queues, else the default of the settings."""
    if work_queues:
        wanted = filters.WorkQueueFilter(name=filters.WorkQueueFilterName(any_=list(work_queues)))
        pools = {queue.work_pool_name for queue in get_client().read_work_queues(work_queue_filter=wanted)}
        if len(pools) == 1 and (pool := pools.pop()):
            return pool
    if default := get_current_settings().deployments.default_work_pool_name:
        return default
    fail("Pass the work pool to poll with --pool.")


def find_class(pool_name: str, type_: str | None, install_policy: str) -> type[BaseWorker[Any, Any, Any]]:
    """Return the class of worker of a type, or of the type of a pool; its package is installed as the policy says."""
    if type_ is None:
        type_ = _read_type(pool_name)
    if install_policy == "always":
        _install(type_)
    found = registry.find(type_)
    if found is None and (
        install_policy == "if-not-present" or (install_policy == "prompt" and _wants_installation(type_))
    ):
        _install(type_)
        found = registry.find(type_)
    if found is None:
        fail(
            f"There is no worker of the type {type_!r} here. Installed are: {', '.join(registry.find_types())}."
            f"{_describe_package(type_)}"
        )
    return found


def _read_type(pool_name: str) -> str:
    pool = _read_pool(pool_name)
    if pool is None:
        click.echo(f"There is no work pool {pool_name!r} yet: a worker of the type {DEFAULT_TYPE!r} is started.")
        return DEFAULT_TYPE
    if pool.is_push_pool or pool.is_managed_pool:
        fail(f"The work pool {pool_name!r} is of the type {pool.type!r}, which needs no worker.")
    return "process" if pool.type == "prefect-agent" else pool.type


def _read_pool(name: str) -> WorkPool | None:
    """Return a pool, or None if there is none; wait for an unavailable server."""
    has_warned = False
    while True:
        try:
            return get_client().read_work_pool(name)
        except ObjectNotFound:
            return None
        except Exception as error:
            if not failures.is_unavailable(error):
                raise
            if not has_warned:
                url = get_current_settings().api.url
                click.echo(f"The API at {url} cannot be reached yet. The worker starts when it answers.", err=True)
            has_warned = True
            time.sleep(RETRY_INTERVAL_SECONDS)


def _read_package(type_: str) -> str | None:
    """Return the name of the package that has a type of worker, as the API knows it."""
    for package, workers in get_client().read_worker_metadata().items():
        if type_ in workers:
            return package
    return None


def _describe_package(type_: str) -> str:
    package = _read_package(type_)
    return f" Install {package} to get it." if package and package != "prefect" else ""


def _wants_installation(type_: str) -> bool:
    package = _read_package(type_)
    if package is None or package == "prefect" or not is_interactive():
        return False
    return click.confirm(f"Workers of the type {type_!r} are in the package {package}. Install it?")


def _install(type_: str) -> None:
    package = _read_package(type_)
    if package is None or package == "prefect":
        return
    installer = [shutil.which("uv") or "", "pip", "install", "--python", sys.executable]
    if not installer[0]:
        installer = [sys.executable, "-m", "pip", "install"]
    command = [*installer, "--upgrade", package]
    click.echo(f"Installing {package}...")
    if subprocess.run(command, check=False).returncode:
        fail(f"The package {package} could not be installed with: {shlex.join(command)}")
    importlib.invalidate_caches()
    registry.reload()
