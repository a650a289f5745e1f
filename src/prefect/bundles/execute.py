"""`python -m prefect.bundles.execute --key FILE`: run the flow of a bundle. Workers start it on their infrastructure.

Modules that fetch bundles from a storage (`prefect_aws.bundles.execute`) end here too. A bundle that cannot be executed
ends its run as Crashed, with the reason. `prefect.flow_engine` is imported by name, because an entry point stands
above all packages.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

from prefect import _io, outbox
from prefect._lazy import lazy
from prefect.bundles import creation, dependencies
from prefect.bundles._zip_extractor import ZipExtractor
from prefect.engine.interruption.signals import HOOKS_ONLY_VARIABLE, handle_engine_signals
from prefect.logging.loggers import flow_run_logger, get_logger
from prefect.schemas.runs import FlowRun
from prefect.schemas.states import State, StateType

if TYPE_CHECKING:
    from multiprocessing.context import SpawnProcess

    from prefect.bundles.creation import SerializedBundle
    from prefect.client import orchestration
else:
    orchestration = lazy("prefect.client.orchestration")

flow_engine: ModuleType = lazy("prefect.flow_engine")

FLOW_RUN_VARIABLE = "PREFECT__FLOW_RUN_ID"


def execute_bundle_from_file(key: str) -> None:
    """Run the flow of a bundle in this process, and exit with its status.

    Args:
        key: The file of the bundle. The zip of its files is at their key in the same directory; they are extracted
            into the working directory.
    """
    run_from_storage(lambda: Path(key), lambda files_key: Path(key).parent / files_key, f"the file {key}")


def run_from_storage(fetch_bundle: Callable[[], Path], fetch_files: Callable[[str], Path], place: str) -> None:
    """Fetch a bundle from its storage, run its flow in this process, and exit with its status.

    Args:
        fetch_bundle: Returns where the fetched bundle is.
        fetch_files: Returns where the zip of its files is, by its key.
        place: Where the bundle is stored, for messages.
    """
    try:
        bundle = cast("SerializedBundle", json.loads(fetch_bundle().read_text(encoding="utf-8")))
        if files_key := bundle.get("files_key"):
            ZipExtractor(fetch_files(files_key)).extract()
    except FileNotFoundError as error:
        crash_flow_run(f"The bundle of the flow run is missing in its storage, {place}: {error}")
    except Exception as error:
        crash_flow_run(f"The bundle of the flow run could not be fetched from {place}: {type(error).__name__}: {error}")
    else:
        run_bundle(bundle)


def run_bundle(bundle: SerializedBundle) -> None:
    """Run the flow of a bundle in this process, and exit with its status."""
    dependencies.provide_missing(bundle["dependencies"], bundle.get("modules") or {})
    try:
        flow: Any = creation.extract_flow_from_bundle(bundle)
        context = creation.unpack(bundle["context"], "The context of the bundle")
        created = FlowRun.model_validate(bundle["flow_run"])
    except Exception as error:
        crash_flow_run(f"The bundle of the flow run cannot be executed. {error}", bundle)
        return
    os.environ[FLOW_RUN_VARIABLE] = str(created.id)
    with handle_engine_signals(created.id):
        flow_run: FlowRun = flow_engine.load_flow_run(created.id)
        if os.environ.get(HOOKS_ONLY_VARIABLE):
            flow_engine.call_end_hooks(flow, flow_run)
            return
        error_logger = flow_run_logger(flow_run)
        parameters = context.pop(creation.PARAMETERS, None)
        flow_engine.run_to_end(
            flow, flow_run=flow_run, parameters=parameters, context=context, error_logger=error_logger
        )


def crash_flow_run(message: str, bundle: SerializedBundle | None = None) -> None:
    """Report that the run of this process has crashed before it began, and exit."""
    flow_run_id = os.environ.get(FLOW_RUN_VARIABLE) or (bundle and bundle["flow_run"].get("id"))
    get_logger("bundles").error("%s", message)
    if flow_run_id:
        outbox.use_journal()  # for the log
        with orchestration.get_client(sync_client=True) as client:
            client.set_flow_run_state(UUID(str(flow_run_id)), State(type=StateType.CRASHED, message=message))
    sys.exit(1)


async def execute_bundle(bundle: dict[str, Any]) -> None:
    """Run the flow of a bundle in a new process, and wait for its end.

    Raises:
        BundleError: The process ended with an error.
    """
    process = execute_bundle_in_subprocess(cast("SerializedBundle", bundle))
    await _io.blocking(process.join)
    if process.exitcode:
        raise creation.BundleError(f"The process of the bundle ended with the exit code {process.exitcode}.")


def execute_bundle_in_subprocess(
    bundle: SerializedBundle, env: dict[str, str | None] | None = None, cwd: Path | str | None = None
) -> SpawnProcess:
    """Start a process that runs the flow of a bundle; return the process.

    Args:
        bundle: The bundle.
        env: Environment variables to set in the process; None unsets one.
        cwd: Its working directory; that of this process if None.
    """
    process = multiprocessing.get_context("spawn").Process(
        target=_run_in_subprocess, args=(json.dumps(bundle), dict(env or {}), None if cwd is None else str(cwd))
    )
    process.start()
    return process


def _run_in_subprocess(text: str, env: dict[str, str | None], cwd: str | None) -> None:
    for name, value in env.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
    if cwd is not None:
        os.chdir(cwd)
    flow_engine.refresh_global_settings_context()
    run_bundle(json.loads(text))


def main() -> None:
    """Run the bundle that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m prefect.bundles.execute", description="Run the flow of a bundle.")
    parser.add_argument("--key", required=True, help="The file of the bundle.")
    parser.add_argument("--directory", type=Path, help="The directory that the file is in.")
    arguments = parser.parse_args()
    if arguments.directory is None:
        execute_bundle_from_file(arguments.key)
        return
    directory: Path = arguments.directory
    run_from_storage(lambda: directory / arguments.key, lambda key: directory / key, f"the directory {directory}")


if __name__ == "__main__":
    main()
