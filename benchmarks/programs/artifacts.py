"""Artifacts created in a flow."""

import sys

from _clock import Clock

from prefect import flow
from prefect.artifacts import create_markdown_artifact


@flow
def run(n):
    create_markdown_artifact("first", key="bench")
    with Clock():
        for i in range(n):
            create_markdown_artifact(f"# Report {i}", key="bench")


if __name__ == "__main__":
    run(int(sys.argv[1]))
