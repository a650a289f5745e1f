"""Creating, changing and deleting flows and runs. It must not change states: `states` does."""
