"""Steps of `prefect.yaml` that build and push images.

build:
- prefect_docker.deployments.steps.build_docker_image:
    id: build_image
    image_name: registry.example.com/flows
    tag: v1
push:
- prefect_docker.deployments.steps.push_docker_image:
    image_name: "{{ build_image.image_name }}"
    tag: "{{ build_image.tag }}"
"""

from __future__ import annotations

import json
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NotRequired, TypedDict

from prefect._internal.buildx import buildx_build_image, buildx_push_image
from prefect.docker import DockerImage
from prefect.utilities.dockerutils import (
    IMAGE_LABELS,
    build_image,
    docker_client,
    generate_default_dockerfile,
    parse_image_tag,
)


class _NamedImage(TypedDict):
    """The names of an image: without a tag, with its tag, and further tags."""

    image_name: str
    image: str
    additional_tags: NotRequired[list[str] | None]


class BuildDockerImageResult(_NamedImage):
    """A built image with its names, its tag and its id."""

    tag: str
    image_id: str


class PushDockerImageResult(_NamedImage):
    """A pushed image with its names and its tag, if it has one."""

    tag: str | None


_results: dict[str, Any] = {}
"""Results by inputs: deployments that say the same share an image."""


def build_docker_image(
    image_name: str,
    dockerfile: str = "Dockerfile",
    tag: str | None = None,
    additional_tags: list[str] | None = None,
    ignore_cache: bool = False,
    persist_dockerfile: bool = False,
    dockerfile_output_path: str = "Dockerfile.generated",
    build_backend: str = "docker-py",
    **build_kwargs: Any,
) -> BuildDockerImageResult:
    """Build an image.

    Args:
        image_name: The name, with the registry.
        dockerfile: The path of the Dockerfile; `auto` generates one.
        tag: The tag; made of the time if None.
        additional_tags: Further tags.
        ignore_cache: Whether to build it again, although this process has built the same.
        persist_dockerfile: Whether a generated Dockerfile is kept.
        dockerfile_output_path: Where it is kept.
        build_backend: `docker-py` or `buildx`.
        **build_kwargs: Passed to the build.

    Raises:
        ValueError: A Dockerfile is there that should be generated, or the build backend is not known.
        BuildError: The build failed.
        RuntimeError: The engine does not answer.
    """
    key = _make_key("build", locals())
    if ignore_cache or key not in _results:
        image = DockerImage(image_name, tag, dockerfile, build_backend=build_backend)  # pyright: ignore[reportArgumentType]
        image_id = _build(image, persist_dockerfile, dockerfile_output_path, build_kwargs)
        if additional_tags:
            with docker_client() as client:
                for each in additional_tags:
                    client.images.get(image_id).tag(image.name, each)
        _results[key] = BuildDockerImageResult(
            image_name=image.name,
            tag=image.tag,
            image=image.reference,
            image_id=image_id,
            additional_tags=additional_tags,
        )
    return _results[key]


def _build(image: DockerImage, persist: bool, output_path: str, build_kwargs: dict[str, Any]) -> str:
    options = dict(build_kwargs)
    path = Path(options.pop("path", None) or Path.cwd())
    dockerfile = image.dockerfile
    with ExitStack() as stack:
        if dockerfile == "auto":
            if Path("Dockerfile").exists():
                raise ValueError("Dockerfile already exists: remove it, or name it as `dockerfile`.")
            generated = stack.enter_context(generate_default_dockerfile(path))
            dockerfile = "Dockerfile"
            if persist:
                Path(output_path).write_text(generated.read_text(encoding="utf-8"), encoding="utf-8")
        build = build_image if image.build_backend == "docker-py" else buildx_build_image
        labels = {**IMAGE_LABELS, **options.pop("labels", {})}
        return build(
            context=path,
            dockerfile=dockerfile,
            tag=image.reference,
            labels=labels,
            stream_progress_to=sys.stdout,
            **options,
        )


def push_docker_image(
    image_name: str,
    tag: str | None = None,
    credentials: dict[str, Any] | None = None,
    additional_tags: list[str] | None = None,
    ignore_cache: bool = False,
    build_backend: str = "docker-py",
) -> PushDockerImageResult:
    """Push an image to its registry.

    Args:
        image_name: The name, with the registry.
        tag: The tag.
        credentials: `username`, `password` and `registry_url`, as `{{ prefect.blocks.docker-registry-credentials.x }}`.
        additional_tags: Further tags to push.
        ignore_cache: Whether to push it again, although this process has pushed the same.
        build_backend: `docker-py` or `buildx`.

    Raises:
        PushError: The registry refuses it.
        RuntimeError: The engine does not answer.
    """
    key = _make_key("push", locals())
    if ignore_cache or key not in _results:
        name, own_tag = parse_image_tag(image_name)
        tags = [tag or own_tag or "latest", *(additional_tags or ())]
        with docker_client() as client:
            if credentials is not None:
                _log_in(client, credentials)
            for each in tags:
                if build_backend == "buildx":
                    buildx_push_image(name, each, sys.stdout)
                else:
                    _push(client, name, each)
        _results[key] = PushDockerImageResult(
            image_name=name, tag=tags[0], image=f"{name}:{tags[0]}", additional_tags=additional_tags
        )
    return _results[key]


def _push(client: Any, name: str, tag: str) -> None:
    image = DockerImage(name, tag)
    for event in client.api.push(image.name, tag=tag, stream=True, decode=True):
        if event.get("error"):
            raise OSError(f"{image.reference} could not be pushed: {str(event['error']).strip()}")


def _log_in(client: Any, credentials: dict[str, Any]) -> None:
    client.login(
        username=credentials.get("username"),
        password=credentials.get("password"),
        registry=credentials.get("registry_url"),
        reauth=credentials.get("reauth", True),
    )


def _make_key(kind: str, inputs: dict[str, Any]) -> str:
    return json.dumps([kind, {**inputs, "ignore_cache": None}], default=str, sort_keys=True)
