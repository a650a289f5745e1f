"""Steps of deployments."""
