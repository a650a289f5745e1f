"""A slot of a limit taken and released, while nobody else wants it."""

import sys

from _clock import Clock

from prefect import get_client
from prefect.concurrency.sync import concurrency


def run(n):
    with get_client(sync_client=True) as client:
        client.upsert_global_concurrency_limit_by_name("bench", 1)
    with concurrency("bench"):
        pass
    with Clock():
        for _ in range(n):
            with concurrency("bench"):
                pass


if __name__ == "__main__":
    run(int(sys.argv[1]))
