"""An image with the code of a flow, as `flow.deploy(image=...)` builds and pushes it."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any, Literal, TextIO

from prefect import settings
from prefect.docker import buildx, dockerfiles, engine
from prefect.docker.names import parse_image_tag, split_repository_path

BUILD_BACKENDS = ("docker-py", "buildx")


class DockerImage:
    """An image to build and push.

    Args:
        name: Its name, with the registry and perhaps the tag. One without a registry or owner gets the namespace of
            `PREFECT_DEFAULT_DOCKER_BUILD_NAMESPACE`.
        tag: Its tag; made of the time if there is none.
        dockerfile: The path of the Dockerfile; `auto` generates one.
        stream_progress_to: Where the output of the build goes.
        build_backend: `docker-py` or `buildx`.
        build_kwargs: Passed to the build.

    Raises:
        ValueError: There are two tags, or the build backend is not known.
    """

    def __init__(
        self,
        name: str,
        tag: str | None = None,
        dockerfile: str = "auto",
        stream_progress_to: TextIO | None = engine.own_output(),
        build_backend: Literal["docker-py", "buildx"] = "docker-py",
        **build_kwargs: Any,
    ) -> None:
        if build_backend not in BUILD_BACKENDS:
            raise ValueError(f"Invalid build_backend {build_backend!r}. Must be 'docker-py' or 'buildx'.")
        name, own_tag = parse_image_tag(name)
        if tag and own_tag:
            raise ValueError(f"Only one tag can be provided - both {own_tag!r} and {tag!r} were provided as tags.")
        namespace, repository = split_repository_path(name)
        namespace = namespace or settings.get_current_settings().deployments.default_docker_build_namespace
        self.name = f"{namespace}/{repository}" if namespace else repository
        self.tag = tag or own_tag or engine.default_tag()
        self.dockerfile = dockerfile
        self.stream_progress_to = stream_progress_to
        self.build_backend = build_backend
        self.build_kwargs = build_kwargs

    @property
    def reference(self) -> str:
        """The name with the tag."""
        return f"{self.name}:{self.tag}"

    def build(self) -> None:
        """Build the image.

        Raises:
            RuntimeError: A Dockerfile is there that should be generated, or the engine does not answer.
            BuildError: The build failed.
        """
        options = dict(self.build_kwargs)
        context = Path(options.pop("context", None) or Path.cwd())
        generated = dockerfiles.generate_default_dockerfile(context) if self.dockerfile == "auto" else nullcontext()
        with generated:
            build = engine.build_image if self.build_backend == "docker-py" else buildx.buildx_build_image
            build(
                context=context,
                dockerfile="Dockerfile" if self.dockerfile == "auto" else self.dockerfile,
                tag=self.reference,
                pull=options.pop("pull", self.dockerfile == "auto"),
                stream_progress_to=self.stream_progress_to,
                **options,
            )

    def push(self) -> None:
        """Push the image to its registry.

        Raises:
            PushError: The registry refuses it.
            RuntimeError: The engine does not answer.
        """
        if self.build_backend == "buildx":
            return buildx.buildx_push_image(self.name, self.tag, self.stream_progress_to)
        with engine.docker_client() as client:
            return engine.push(client, self.name, self.tag, self.stream_progress_to)
