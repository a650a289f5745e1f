"""The pages of one run: what it is, its graph, its log, its result."""
