"""The former path of `prefect.bundles.execute`."""

from prefect.bundles.execute import execute_bundle, execute_bundle_from_file

__all__ = ["execute_bundle", "execute_bundle_from_file"]
