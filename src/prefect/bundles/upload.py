"""`python -m prefect.bundles.upload FILE --directory DIR --key KEY`: copy a bundle into a shared directory."""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
from pathlib import Path


def copy_to_directory(local_filepath: Path, directory: Path, key: str) -> Path:
    """Copy a file to its key in a directory, where it appears when it is complete; return where it is.

    Only this user can read it.
    """
    target = directory / key
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=".")
    try:
        with os.fdopen(handle, "wb") as file, local_filepath.open("rb") as source:
            shutil.copyfileobj(source, file)
        os.replace(name, target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return target


def main() -> None:
    """Copy the file that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m prefect.bundles.upload", description="Copy a bundle.")
    parser.add_argument("local_filepath", type=Path, help="The file to copy.")
    parser.add_argument("--directory", type=Path, required=True, help="The directory to copy it into.")
    parser.add_argument("--key", required=True, help="Its place in the directory.")
    arguments = parser.parse_args()
    try:
        copy_to_directory(arguments.local_filepath, arguments.directory, arguments.key)
    except OSError as error:
        raise SystemExit(f"{arguments.directory}: {error.strerror or error}") from error


if __name__ == "__main__":
    main()
