"""The processes of a process worker: marked for other workers, or warm before a run needs them."""
