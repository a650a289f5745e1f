"""A block saved and loaded."""

import sys

from _clock import Clock

from prefect.blocks.system import Secret


def run(n):
    Secret(value="first").save("bench", overwrite=True)
    with Clock():
        for i in range(n):
            Secret(value=f"value {i}").save("bench", overwrite=True)
            assert Secret.load("bench").get() == f"value {i}"


if __name__ == "__main__":
    run(int(sys.argv[1]))
