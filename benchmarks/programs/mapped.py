"""A task mapped over many inputs, results gathered."""

import sys

from _clock import Clock

from prefect import flow, task


@task
def work(x):
    return x


@flow
def run(n):
    work.map([0]).result()
    with Clock():
        assert sum(work.map(range(n)).result()) == n * (n - 1) // 2


if __name__ == "__main__":
    run(int(sys.argv[1]))
