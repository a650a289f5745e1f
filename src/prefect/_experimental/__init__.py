"""Former import paths that integration packages use; the names are in `prefect.bundles` and `prefect.plugins`."""
