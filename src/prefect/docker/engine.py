"""The Docker engine: connecting to it, building and pushing images."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from prefect._lazy import lazy_modules
from prefect.docker.names import IMAGE_LABELS
from prefect.types import now

if TYPE_CHECKING:
    import docker
    from docker import DockerClient
    from docker import errors as docker_errors
else:
    docker, docker_errors = lazy_modules("docker", "docker.errors")


class BuildError(Exception):
    """Building an image failed."""


class PushError(Exception):
    """Pushing an image to a registry failed."""


@contextmanager
def silence_docker_warnings() -> Generator[None, None, None]:
    """Suppress the warnings of the `docker` package's own dependencies."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        yield


def connect(**options: Any) -> DockerClient:
    """Return a client of the Docker engine that the environment names.

    Raises:
        ImportError: The package `docker` is not installed.
        RuntimeError: The engine does not answer.
    """
    try:
        with silence_docker_warnings():
            return docker.from_env(**options)
    except ModuleNotFoundError as error:
        raise ImportError(
            "Docker needs the package `docker`: install it with `pip install 'pluperfect[docker]'`."
        ) from error
    except docker_errors.DockerException as error:
        raise RuntimeError(
            f"The Docker engine does not answer: start Docker, or set DOCKER_HOST to where it is. ({error})"
        ) from error


@contextmanager
def docker_client() -> Generator[DockerClient, None, None]:
    """Connect to the Docker engine within the block.

    Raises:
        ImportError: The package `docker` is not installed.
        RuntimeError: The engine does not answer.
    """
    client = connect()
    try:
        yield client
    finally:
        client.close()


def build_image(
    context: Path,
    dockerfile: str = "Dockerfile",
    tag: str | None = None,
    pull: bool = False,
    platform: str | None = None,
    stream_progress_to: TextIO | None = None,
    **kwargs: Any,
) -> str:
    """Build an image and return its id.

    Args:
        context: The directory with the files of the image.
        dockerfile: The Dockerfile, relative to the context.
        tag: The name of the image.
        pull: Whether to ask the registry for a newer base image.
        platform: The platform, such as `linux/arm64`.
        stream_progress_to: Where the output of the build goes.
        **kwargs: Passed to `docker.APIClient.build`.

    Raises:
        ValueError: There is no such directory.
        BuildError: The build failed.
        RuntimeError: The engine does not answer.
    """
    if not context:
        raise ValueError("context required to build an image")
    if not Path(context).exists():
        raise ValueError(f"Context path {context} does not exist")
    labels = {**IMAGE_LABELS, **kwargs.pop("labels", {})}
    with docker_client() as client:
        events = client.api.build(
            path=str(context),
            dockerfile=dockerfile,
            tag=tag,
            pull=pull,
            decode=True,
            labels=labels,
            platform=platform,
            **kwargs,
        )
        image_id: str | None = None
        try:
            for event in events:
                _show(event.get("stream"), stream_progress_to)
                if event.get("error"):
                    raise BuildError(str(event["error"]).strip())
                image_id = (event.get("aux") or {}).get("ID", image_id)
        except docker_errors.APIError as error:
            raise BuildError(error.explanation or str(error)) from error
    if image_id is None:
        raise BuildError("The Docker engine did not say which image it has built.")
    return image_id


def push_image(
    image_id: str, registry_url: str, name: str, tag: str | None = None, stream_progress_to: TextIO | None = None
) -> str:
    """Push an image to a registry under a name, and return `registry/name:tag`.

    Args:
        image_id: The image.
        registry_url: The registry, such as `https://registry.example.com`.
        name: The name there.
        tag: The tag; made of the time if None.
        stream_progress_to: Where the progress goes.

    Raises:
        PushError: The registry refuses it.
    """
    host = registry_url.partition("://")[2] or registry_url
    repository = f"{host.rstrip('/')}/{name}"
    tag = tag or default_tag()
    with docker_client() as client:
        client.images.get(image_id).tag(repository, tag)
        try:
            push(client, repository, tag, stream_progress_to)
        finally:
            client.api.remove_image(f"{repository}:{tag}", noprune=True)
    return f"{repository}:{tag}"


def push(client: DockerClient, repository: str, tag: str | None, stream_progress_to: TextIO | None) -> None:
    """Push an image that has its name already.

    Raises:
        PushError: The registry refuses it.
    """
    events: Iterable[Any] = client.api.push(repository, tag=tag, stream=True, decode=True)
    for event in events:
        if "status" in event and not event.get("progressDetail"):
            _show(f"{event.get('id', '')} {event['status']}\n".lstrip(), stream_progress_to)
        if event.get("error"):
            raise PushError(str(event["error"]).strip())


def default_tag() -> str:
    """Return a tag made of the time."""
    return now().isoformat().replace(":", "-").replace(".", "-").replace("+", "-").lower()


def _show(text: str | None, file: TextIO | None) -> None:
    if text and file is not None:
        file.write(text)
        file.flush()


def own_output() -> TextIO:
    """Return this process's current output."""
    return sys.stdout
