"""Commands that make deployments and manage them: `init`, `deploy`, `deployment`."""
