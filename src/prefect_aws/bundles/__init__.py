"""The steps that store the bundles of flows in a bucket of S3, and execute them from there."""
