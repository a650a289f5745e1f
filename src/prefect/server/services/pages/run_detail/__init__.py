"""The pages of one run: its details, graph, logs and result."""
