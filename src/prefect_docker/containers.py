"""Containers of flow runs on a Docker engine: their image, start, output and end. All functions block."""

from __future__ import annotations

import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from prefect.exceptions import InfrastructureError, InfrastructureNotAvailable, InfrastructureNotFound
from prefect.utilities.dockerutils import docker_client
from prefect_docker.job_configuration import DockerWorkerJobConfiguration, to_container_name

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container

CONFLICT = 409
MAX_NAMES = 1000
"""How many names are tried, if containers have the name and those that follow from it."""


class EngineUnavailable(Exception):
    """The engine does not answer now; it may again."""


@dataclass(frozen=True)
class ContainerEnd:
    """The end of a container.

    Attributes:
        exit_code: Its exit status.
        reason: Why it ended, if that is known besides the status.
    """

    exit_code: int
    reason: str | None = None


@dataclass(frozen=True)
class KnownContainer:
    """A container of a flow run that is on the engine.

    Attributes:
        identifier: The engine and the container's id.
        labels: Its labels.
        env: Its environment variables.
        is_running: Whether it has not ended.
    """

    identifier: str
    labels: dict[str, str]
    env: dict[str, str]
    is_running: bool


@contextmanager
def open_engine() -> Generator[DockerClient, None, None]:
    """Connect to the engine within the block.

    Raises:
        EngineUnavailable: It does not answer.
    """
    import requests
    from docker import errors

    try:
        with docker_client() as client:
            yield client
    except RuntimeError as error:
        raise EngineUnavailable(str(error)) from error
    except (requests.ConnectionError, requests.Timeout) as error:
        raise EngineUnavailable(f"The Docker engine does not answer: {error}") from error
    except errors.APIError as error:
        raise InfrastructureError(f"The Docker engine refuses: {explain(error)}") from error


def explain(error: Any) -> str:
    """Return the engine's own words for an error, on one line."""
    return " ".join(str(error.explanation or error).split())


def identify(client: DockerClient, container_id: str) -> str:
    """Return the identifier of a container: its engine and its id."""
    return f"{client.api.base_url}:{container_id}"


def identify_engine() -> str:
    """Return the id of the engine, which no other one has."""
    with open_engine() as client:
        return str(client.info()["ID"])


def ping() -> None:
    """Check that the engine answers.

    Raises:
        EngineUnavailable: It does not.
    """
    with open_engine() as client:
        client.ping()


def start(configuration: DockerWorkerJobConfiguration) -> str:
    """Pull the image, create and start a container, and return its identifier.

    Raises:
        InfrastructureError: The engine or the registry refuses it.
    """
    from docker import errors

    with open_engine() as client:
        pull(client, configuration)
        container = _create(client, configuration)
        try:
            for network in configuration.networks[1:]:
                client.networks.get(network).connect(container)
            container.start()
        except errors.APIError as error:
            container.remove(force=True)
            raise InfrastructureError(f"The container {container.name!r} could not start: {explain(error)}") from error
        return identify(client, str(container.id))


def pull(client: DockerClient, configuration: DockerWorkerJobConfiguration) -> None:
    """Pull the image of a container, as its pull policy says."""
    from docker import errors

    image, policy = configuration.image, configuration.find_pull_policy()
    is_present = policy != "Always" and _is_present(client, image)
    if policy == "Never" or (policy == "IfNotPresent" and is_present):
        if not is_present:
            raise InfrastructureError(f"The image {image!r} is not present, and its pull policy is 'Never'.")
        return
    credentials = configuration.registry_credentials
    try:
        if credentials is not None:
            client.login(
                username=credentials.username,
                password=credentials.password.get_secret_value(),
                registry=credentials.registry_url,
                reauth=credentials.reauth,
            )
        client.images.pull(image)
    except errors.APIError as error:
        if policy == "IfPossible" and is_present:
            return
        raise InfrastructureError(f"The image {image!r} could not be pulled: {explain(error)}") from error


def _is_present(client: DockerClient, image: str) -> bool:
    from docker import errors

    try:
        client.images.get(image)
    except errors.ImageNotFound:
        return False
    return True


def _create(client: DockerClient, configuration: DockerWorkerJobConfiguration) -> Container:
    """Create a container under its name, or under the next free one with a number."""
    from docker import errors

    arguments = configuration.build_arguments()
    wanted = to_container_name(configuration.name)
    for name in _iterate_names(wanted):
        try:
            return client.containers.create(name=name, **arguments)
        except errors.APIError as error:
            if error.status_code != CONFLICT or name is None:
                raise InfrastructureError(f"The container could not be created: {explain(error)}") from error
        except (errors.DockerException, TypeError, ValueError) as error:
            raise InfrastructureError(f"The container could not be created: {error}") from error
    raise InfrastructureError(f"There are too many containers of the name {wanted!r}: remove old ones.")


def _iterate_names(wanted: str | None) -> Iterator[str | None]:
    yield wanted
    if wanted is not None:
        for number in range(1, MAX_NAMES):
            yield f"{wanted}-{number}"


def follow_output(identifier: str, since: float | None = None) -> None:
    """Write the output of a container to this process's, until it ends."""
    from docker import errors

    with open_engine() as client:
        try:
            container = client.containers.get(find_id(client, identifier))
            for part in container.logs(stream=True, follow=True, since=since):
                sys.stdout.write(part.decode(errors="replace"))
                sys.stdout.flush()
        except errors.NotFound:
            return


def wait(identifier: str) -> ContainerEnd:
    """Wait until a container has ended, and return how."""
    from docker import errors

    with open_engine() as client:
        try:
            container = client.containers.get(find_id(client, identifier))
            status = int(container.wait()["StatusCode"])
            container.reload()
        except errors.NotFound:
            return ContainerEnd(-1, "The container of the run was removed before its end was seen.")
        state = container.attrs["State"]
        if status and state.get("OOMKilled"):
            limit = container.attrs["HostConfig"].get("Memory")
            more = f", which is limited to {limit:,} bytes" if limit else ""
            return ContainerEnd(
                status, f"The container {container.name!r} was killed: out of memory{more} (OOMKilled)."
            )
        if status and state.get("Error"):
            return ContainerEnd(status, f"The container {container.name!r} ended with {status}: {state['Error']}")
        return ContainerEnd(status)


def is_of_this_machine(identifier: str) -> bool:
    """Return whether a Docker engine belongs to this machine, so that its address names another engine elsewhere."""
    return identifier.startswith("http+docker://")


def stop(identifier: str, grace_seconds: int) -> None:
    """Stop a container: SIGTERM, and SIGKILL after the grace.

    Raises:
        InfrastructureNotFound: There is no such container.
    """
    from docker import errors

    with open_engine() as client:
        try:
            client.containers.get(find_id(client, identifier)).stop(timeout=grace_seconds)
        except errors.NotFound as error:
            raise InfrastructureNotFound(f"There is no container {identifier!r}.") from error


def remove(identifier: str) -> None:
    """Remove a container that has ended, if it is there."""
    from docker import errors

    with open_engine() as client:
        try:
            client.containers.get(find_id(client, identifier)).remove()
        except errors.NotFound:
            return


def find(labels: list[str]) -> list[KnownContainer]:
    """Return the containers on the engine that have all of some labels, those that have ended too."""
    with open_engine() as client:
        found = client.containers.list(all=True, filters={"label": labels}, ignore_removed=True)
        return [
            KnownContainer(
                identify(client, str(container.id)),
                container.labels,
                dict(line.partition("=")[::2] for line in container.attrs["Config"].get("Env") or ()),
                container.status == "running",
            )
            for container in found
        ]


def find_id(client: DockerClient, identifier: str) -> str:
    """Return the id of a container.

    Raises:
        InfrastructureNotAvailable: It is of another engine.
    """
    engine, _, container_id = identifier.rpartition(":")
    if engine != client.api.base_url:
        raise InfrastructureNotAvailable(
            f"The container {identifier!r} is of another engine than {client.api.base_url}."
        )
    return container_id
