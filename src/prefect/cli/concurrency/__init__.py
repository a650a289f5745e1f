"""Commands of concurrency limits."""
