"""Tasks submitted one by one, results gathered."""

import sys

from _clock import Clock

from prefect import flow, task


@task
def work(x):
    return x


@flow
def run(n):
    work.submit(0).result()
    with Clock():
        futures = [work.submit(i) for i in range(n)]
        assert sum(future.result() for future in futures) == n * (n - 1) // 2


if __name__ == "__main__":
    run(int(sys.argv[1]))
