"""Dockerfiles: a default one for a project, and building images from Python."""

from __future__ import annotations

import os
import shutil
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Self, TextIO

from prefect._version import __pluperfect_version__
from prefect.docker import engine
from prefect.docker.names import python_version_minor

PROJECTS_DIRECTORY = "/opt/prefect"


@contextmanager
def generate_default_dockerfile(context: Path | None = None) -> Generator[Path, None, None]:
    """Write a Dockerfile that copies a directory into an image with this package, and remove it after the block.

    The packages of a `requirements.txt` are installed.

    Raises:
        RuntimeError: The directory has a Dockerfile.
    """
    directory = context or Path.cwd()
    path = directory / "Dockerfile"
    if path.exists():
        raise RuntimeError(
            f"A Dockerfile cannot be generated, because {path} exists: name it with `dockerfile`, or remove it."
        )
    path.write_text("\n".join(_default_lines(directory)) + "\n", encoding="utf-8")
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def _default_lines(directory: Path) -> list[str]:
    target = f"{PROJECTS_DIRECTORY}/{directory.absolute().name}"
    version = __pluperfect_version__.partition("+")[0]
    lines = [f"FROM python:{python_version_minor()}-slim", f"RUN pip install --no-cache-dir pluperfect=={version}"]
    if (directory / "requirements.txt").exists():
        lines += [
            f"COPY requirements.txt {target}/requirements.txt",
            f"RUN pip install --no-cache-dir -r {target}/requirements.txt",
        ]
    return [*lines, f"COPY . {target}/", f"WORKDIR {target}/"]


class ImageBuilder:
    """Builds an image from lines of a Dockerfile and files, within a `with` block.

    Attributes:
        base_directory: The directory that `copy` is relative to.
        context: The directory of the build, or None to use a temporary one.
        platform: The platform of the image.
        dockerfile_lines: The lines so far.
        temporary_directory: The temporary directory, while there is one.
    """

    base_directory: Path
    context: Path | None
    platform: str | None
    dockerfile_lines: list[str]
    temporary_directory: TemporaryDirectory[str] | None

    def __init__(
        self,
        base_image: str,
        base_directory: Path | None = None,
        platform: str | None = None,
        context: Path | None = None,
    ) -> None:
        self.base_directory = base_directory or context or Path().absolute()
        self.temporary_directory = None
        self.context = context
        self.platform = platform
        self.dockerfile_lines = []
        if context is not None:
            dockerfile = context / "Dockerfile"
            if dockerfile.exists():
                raise ValueError(f"There is already a Dockerfile at {context}")
        self.add_line(f"FROM {base_image}")

    def __enter__(self) -> Self:
        if self.context is not None:
            return self
        self.temporary_directory = TemporaryDirectory()
        self.context = Path(self.temporary_directory.__enter__())
        return self

    def __exit__(self, exc: type[BaseException], value: BaseException, traceback: TracebackType) -> None:
        if self.temporary_directory is not None:
            self.temporary_directory.__exit__(exc, value, traceback)
            self.temporary_directory = None
            self.context = None

    def add_line(self, line: str) -> None:
        """Add a line to the Dockerfile."""
        self.add_lines([line])

    def add_lines(self, lines: Iterable[str]) -> None:
        """Add lines to the Dockerfile."""
        self.dockerfile_lines.extend(lines)

    def copy(self, source: str | Path, destination: str | PurePosixPath) -> None:
        """Copy a file or directory of the base directory into the image."""
        context = self._require_context()
        target = PurePosixPath(destination)
        own = Path(source)
        if not own.is_absolute():
            own = self.base_directory / own
        inside = context / str(target).lstrip("/") if self.temporary_directory is not None else own
        if self.temporary_directory is not None:
            inside.parent.mkdir(parents=True, exist_ok=True)
            (shutil.copytree if own.is_dir() else shutil.copy2)(own, inside)
        self.add_line(f"COPY {os.path.relpath(inside, context)} {target}")

    def write_text(self, text: str, destination: str | PurePosixPath) -> None:
        """Write a file of the image."""
        context = self._require_context()
        inside = context / str(PurePosixPath(destination)).lstrip("/")
        inside.parent.mkdir(parents=True, exist_ok=True)
        inside.write_text(text, encoding="utf-8")
        self.add_line(f"COPY {os.path.relpath(inside, context)} {destination}")

    def build(self, pull: bool = False, stream_progress_to: TextIO | None = None) -> str:
        """Build the image and return its id.

        Args:
            pull: Whether to ask the registry for a newer base image.
            stream_progress_to: Where the output of the build goes.
        """
        context = self._require_context()
        dockerfile = context / "Dockerfile"
        dockerfile.write_text("\n".join(self.dockerfile_lines) + "\n", encoding="utf-8")
        try:
            return engine.build_image(
                context=context, platform=self.platform, pull=pull, stream_progress_to=stream_progress_to
            )
        finally:
            dockerfile.unlink(missing_ok=True)

    def _require_context(self) -> Path:
        if self.context is None:
            raise Exception("No context available")
        return self.context

    def assert_has_line(self, line: str) -> None:
        """Check that the Dockerfile has a line."""
        assert line in self.dockerfile_lines, f"{line!r} is not in the Dockerfile: {self.dockerfile_lines}"

    def assert_line_absent(self, line: str) -> None:
        """Check that the Dockerfile does not have a line."""
        assert line not in self.dockerfile_lines, f"{line!r} is in the Dockerfile"

    def assert_line_before(self, first: str, second: str) -> None:
        """Check that one line is before another."""
        self.assert_has_line(first)
        self.assert_has_line(second)
        lines = self.dockerfile_lines
        assert lines.index(first) < lines.index(second), f"{first!r} is not before {second!r}"

    def assert_line_after(self, second: str, first: str) -> None:
        """Check that one line is after another."""
        self.assert_line_before(first, second)

    def assert_has_file(self, source: Path, container_path: PurePosixPath) -> None:
        """Check that a file is copied into the image."""
        context = self._require_context()
        inside = context / str(container_path).lstrip("/")
        assert inside.exists(), f"There is no file {container_path} in the image"
        assert inside.read_bytes() == source.read_bytes(), f"{container_path} is not the file {source}"
