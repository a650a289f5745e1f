"""A directory of a repository is fetched."""

import os
from pathlib import Path

from prefect_github.repository import GitHubRepository

from prefect import flow


@flow
def main() -> str:
    GitHubRepository(repository_url=os.environ["REPOSITORY"]).get_directory(local_path="fetched")
    return Path("fetched/read.me").read_text()


assert main() == "hello\n"
