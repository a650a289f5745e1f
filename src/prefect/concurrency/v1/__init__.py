"""The older interface of concurrency limits, whose names are tags and whose slots belong to a task run."""
