"""Flows called in a flow."""

import sys

from _clock import Clock

from prefect import flow


@flow
def child(x):
    return x


@flow
def run(n):
    child(0)
    with Clock():
        for i in range(n):
            child(i)


if __name__ == "__main__":
    run(int(sys.argv[1]))
