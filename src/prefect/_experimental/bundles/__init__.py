"""The former path of `prefect.bundles`."""

from prefect.bundles import convert_step_to_command, create_bundle_for_flow_run

__all__ = ["convert_step_to_command", "create_bundle_for_flow_run"]
