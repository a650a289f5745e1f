"""A flow that copies a batch of rows, and one that reports what was copied."""

from prefect import flow, task


@task(retries=2, retry_delay_seconds=1)
def copy_rows(environment: str, batch_size: int) -> int:
    """Copy a batch and return how many rows it had."""
    print(f"copied {batch_size} rows to {environment}")
    return batch_size


@flow(log_prints=True)
def sync(environment: str = "dev", batch_size: int = 10) -> int:
    """Copy a batch of rows to an environment."""
    return copy_rows(environment, batch_size)
