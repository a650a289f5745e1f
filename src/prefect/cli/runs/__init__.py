"""Commands of flows and of runs: `flow`, `flow-run`, `task-run`, `task`."""
