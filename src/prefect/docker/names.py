"""Names of images: their parts, their labels, and the name of the image of a release."""

from __future__ import annotations

import re
import shlex
import sys

from prefect._version import __version_info__

INTERFACE_VERSION: str = __version_info__["version"]

IMAGE_LABELS = {"io.prefect.version": INTERFACE_VERSION}
"""Labels of images that are built here."""

CONTAINER_LABELS = {"io.prefect.version": INTERFACE_VERSION}
"""Labels of containers that are created here."""


def python_version_minor() -> str:
    """Return the version of this Python as in `3.12`."""
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def python_version_micro() -> str:
    """Return the version of this Python as in `3.12.1`."""
    return f"{python_version_minor()}.{sys.version_info.micro}"


def get_prefect_image_name(
    prefect_version: str | None = None, python_version: str | None = None, flavor: str | None = None
) -> str:
    """Return the name of the published image with a release of Prefect, which runs flows for this server too.

    Args:
        prefect_version: The release; that of this interface if None.
        python_version: The version of Python, as in `3.12`; this one's if None.
        flavor: The variant, such as `conda`.
    """
    version = format_outlier_version_name(prefect_version or INTERFACE_VERSION)
    tag = f"{version}-python{python_version or python_version_minor()}"
    return f"prefecthq/prefect:{tag}{f'-{flavor}' if flavor else ''}"


def format_outlier_version_name(version: str) -> str:
    """Return a version without what image tags cannot have."""
    return version if re.fullmatch(r"[\w.+-]+", version) else re.sub(r"[^\w.-]", "-", version)


def parse_image_tag(name: str) -> tuple[str, str | None]:
    """Split the name of an image into the name and the tag or digest: `reg:5000/a:1` into `reg:5000/a` and `1`."""
    if "@" in name:
        image, _, digest = name.partition("@")
        return image, digest
    image, colon, tag = name.rpartition(":")
    if not colon or "/" in tag:  # the colon is that of a port
        return name, None
    return image, tag


def split_repository_path(repository_path: str) -> tuple[str | None, str]:
    """Split the path of a repository into its namespace and its name: `reg.io/a/b` into `reg.io/a` and `b`."""
    namespace, _, name = repository_path.rpartition("/")
    return namespace or None, name


def to_run_command(command: list[str]) -> str:
    """Return the `RUN` line of a Dockerfile for a command; an empty text for none."""
    return f"RUN {shlex.join(command)}" if command else ""
