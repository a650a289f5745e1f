"""The path of a flow run through a worker: claimed, configured, started, cancelled, and its end reported."""
