"""Load objects by entrypoint, name or path, and read what source defines without running it."""
