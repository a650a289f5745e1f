"""The former path of `prefect_aws.bundles`."""
