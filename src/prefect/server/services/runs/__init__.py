"""Flow and task runs: creation, state transitions, journal records, logs, inputs, graphs and statistics."""
