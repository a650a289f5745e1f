"""Docker: connecting to the engine, names of images, building and pushing them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect._lazy import exports

if TYPE_CHECKING:
    from prefect.docker.dockerfiles import ImageBuilder, generate_default_dockerfile
    from prefect.docker.engine import (
        BuildError,
        PushError,
        build_image,
        docker_client,
        push_image,
        silence_docker_warnings,
    )
    from prefect.docker.names import (
        CONTAINER_LABELS,
        IMAGE_LABELS,
        format_outlier_version_name,
        get_prefect_image_name,
        parse_image_tag,
        python_version_micro,
        python_version_minor,
        split_repository_path,
        to_run_command,
    )

__all__ = [
    "CONTAINER_LABELS",
    "IMAGE_LABELS",
    "BuildError",
    "ImageBuilder",
    "PushError",
    "build_image",
    "docker_client",
    "format_outlier_version_name",
    "generate_default_dockerfile",
    "get_prefect_image_name",
    "parse_image_tag",
    "push_image",
    "python_version_micro",
    "python_version_minor",
    "silence_docker_warnings",
    "split_repository_path",
    "to_run_command",
]

_EXPORTS = {
    "prefect.docker.dockerfiles": "ImageBuilder generate_default_dockerfile",
    "prefect.docker.engine": ("BuildError PushError build_image docker_client push_image silence_docker_warnings"),
    "prefect.docker.names": (
        "CONTAINER_LABELS IMAGE_LABELS format_outlier_version_name get_prefect_image_name parse_image_tag "
        "python_version_micro python_version_minor split_repository_path to_run_command"
    ),
}

__getattr__, __dir__ = exports(__name__, _EXPORTS)
