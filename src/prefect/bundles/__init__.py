"""Bundles: flows without a deployment, packed for the infrastructure of a work pool.

A bundle is a JSON file: the flow and its context as cloudpickles, its run, and the packages that it needs. Files that
go with it are in a zip beside it. It travels through storage that the user has configured, never through the server.
`creation` packs and unpacks one, `launchers` makes the commands that upload and execute one, `storage` uploads, and
`execute` runs one on the infrastructure.
"""

from typing import TYPE_CHECKING

from prefect._lazy import exports

if TYPE_CHECKING:
    from prefect.bundles.creation import BundleCreationResult as BundleCreationResult
    from prefect.bundles.creation import SerializedBundle as SerializedBundle
    from prefect.bundles.creation import create_bundle_for_flow_run as create_bundle_for_flow_run
    from prefect.bundles.creation import extract_flow_from_bundle as extract_flow_from_bundle
    from prefect.bundles.execute import execute_bundle_from_file as execute_bundle_from_file
    from prefect.bundles.execute import execute_bundle_in_subprocess as execute_bundle_in_subprocess
    from prefect.bundles.launchers import BundleLauncher as BundleLauncher
    from prefect.bundles.launchers import BundleLauncherOverride as BundleLauncherOverride
    from prefect.bundles.launchers import BundleLauncherSide as BundleLauncherSide
    from prefect.bundles.launchers import convert_step_to_command as convert_step_to_command
    from prefect.bundles.storage import aupload_bundle_to_storage as aupload_bundle_to_storage
    from prefect.bundles.storage import upload_bundle_to_storage as upload_bundle_to_storage

_EXPORTS = {
    "prefect.bundles.creation": (
        "BundleCreationResult SerializedBundle create_bundle_for_flow_run extract_flow_from_bundle"
    ),
    "prefect.bundles.execute": "execute_bundle_from_file execute_bundle_in_subprocess",
    "prefect.bundles.launchers": "BundleLauncher BundleLauncherOverride BundleLauncherSide convert_step_to_command",
    "prefect.bundles.storage": "aupload_bundle_to_storage upload_bundle_to_storage",
}

__getattr__, __dir__ = exports(__name__, _EXPORTS, submodules="execute")

__all__ = [
    "BundleCreationResult",
    "SerializedBundle",
    "convert_step_to_command",
    "create_bundle_for_flow_run",
    "execute_bundle_from_file",
    "execute_bundle_in_subprocess",
    "extract_flow_from_bundle",
]
