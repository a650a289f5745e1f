"""Steps of deployments that use S3."""
