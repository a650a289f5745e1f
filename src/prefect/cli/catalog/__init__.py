"""Commands of what is stored by name or key: artifacts, blocks, variables."""
