"""Launchers of the commands of bundles, at the path that integration packages use."""

from prefect.bundles.launchers import get_launcher_for_side, resolve_bundle_step_with_launcher

__all__ = ["get_launcher_for_side", "resolve_bundle_step_with_launcher"]
