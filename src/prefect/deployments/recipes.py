"""The recipes of `prefect init`: the storage of the code of flows in a new prefect.yaml."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

Steps = list[dict[str, Any]]

_IMAGE_INPUTS = {
    "image_name": "The name of the image, with its registry",
    "tag": "The tag of the image",
}
_BUCKET = {"bucket": "The bucket to store the code in"}
_CONTAINER = {"container": "The container to store the code in"}

_BUILD_IMAGE: Steps = [
    {
        "prefect_docker.deployments.steps.build_docker_image": {
            "id": "build_image",
            "requires": "prefect-docker>=0.3.1",
            "image_name": "{{ image_name }}",
            "tag": "{{ tag }}",
            "dockerfile": "{{ dockerfile }}",
        }
    }
]
_PUSH_IMAGE: Steps = [
    {
        "prefect_docker.deployments.steps.push_docker_image": {
            "requires": "prefect-docker>=0.3.1",
            "image_name": "{{ build_image.image_name }}",
            "tag": "{{ build_image.tag }}",
        }
    }
]
_SET_DIRECTORY: Steps = [{"prefect.deployments.steps.set_working_directory": {"directory": "{{ directory }}"}}]
_IMAGE_DIRECTORY: Steps = [
    {"prefect.deployments.steps.set_working_directory": {"directory": "/opt/prefect/{{ name }}"}}
]
_GIT_CLONE: Steps = [
    {
        "prefect.deployments.steps.git_clone": {
            "repository": "{{ repository }}",
            "branch": "{{ branch }}",
            "access_token": None,
        }
    }
]


def _store(package: str, requires: str, push: str, pull: str, place: str) -> tuple[Steps, Steps]:
    """Return the push and pull steps of a remote storage; the pull steps use the outputs of the push steps."""
    steps = f"{package}.deployments.steps"
    push_inputs = {
        "id": "push_code",
        "requires": requires,
        place: f"{{{{ {place} }}}}",
        "folder": "{{ folder }}",
        "credentials": None,
    }
    pull_inputs = {
        "id": "pull_code",
        "requires": requires,
        place: f"{{{{ push_code.{place} }}}}",
        "folder": "{{ push_code.folder }}",
        "credentials": None,
    }
    return [{f"{steps}.{push}": push_inputs}], [{f"{steps}.{pull}": pull_inputs}]


_S3 = _store("prefect_aws", "prefect-aws>=0.3.4", "push_to_s3", "pull_from_s3", "bucket")
_GCS = _store("prefect_gcp", "prefect-gcp>=0.4.3", "push_to_gcs", "pull_from_gcs", "bucket")
_AZURE = _store(
    "prefect_azure",
    "prefect-azure>=0.2.8",
    "push_to_azure_blob_storage",
    "pull_from_azure_blob_storage",
    "container",
)


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """The place where the code of flows is kept.

    Attributes:
        description: What it does.
        pull: The pull steps.
        build: The build steps.
        push: The push steps.
        required_inputs: The names of the inputs that it needs.
    """

    description: str
    pull: Steps
    build: Steps | None = None
    push: Steps | None = None
    required_inputs: Mapping[str, str] = field(default_factory=dict[str, str])

    def to_contents(self) -> dict[str, Any]:
        """Return the content of a prefect.yaml, with placeholders for what is not known yet."""
        image = {"image": "{{ build_image.image }}"} if self.build else {}
        deployment = {
            "name": None,
            "version": None,
            "tags": [],
            "description": None,
            "schedule": {},
            "flow_name": None,
            "entrypoint": None,
            "parameters": {},
            "work_pool": {"name": None, "work_queue_name": None, "job_variables": image},
        }
        contents = {
            "name": None,
            "prefect-version": None,
            "build": self.build,
            "push": self.push,
            "pull": self.pull,
            "deployments": [deployment],
        }
        return copy.deepcopy(contents)


def _in_image(code: Recipe) -> Recipe:
    """Return a recipe with the storage of another one, whose flows run in a Docker image."""
    return replace(
        code,
        description=f"{code.description}, run in a Docker image",
        build=_BUILD_IMAGE,
        push=[*_PUSH_IMAGE, *(code.push or [])],
        required_inputs={**code.required_inputs, **_IMAGE_INPUTS},
    )


_IN_GIT = Recipe(description="Code in a git repository", pull=_GIT_CLONE)
_IN_S3 = Recipe(description="Code in a bucket of S3", push=_S3[0], pull=_S3[1], required_inputs=_BUCKET)
_IN_GCS = Recipe(
    description="Code in a bucket of Google Cloud Storage", push=_GCS[0], pull=_GCS[1], required_inputs=_BUCKET
)
_IN_AZURE = Recipe(
    description="Code in a container of Azure Blob Storage", push=_AZURE[0], pull=_AZURE[1], required_inputs=_CONTAINER
)

RECIPES: Mapping[str, Recipe] = {
    "local": Recipe(description="Code in a directory of this machine", pull=_SET_DIRECTORY),
    "git": _IN_GIT,
    "docker": Recipe(
        description="Code in a Docker image, with all it needs",
        build=_BUILD_IMAGE,
        push=_PUSH_IMAGE,
        pull=_IMAGE_DIRECTORY,
        required_inputs=_IMAGE_INPUTS,
    ),
    "docker-git": _in_image(_IN_GIT),
    "s3": _IN_S3,
    "gcs": _IN_GCS,
    "azure": _IN_AZURE,
    "docker-s3": _in_image(_IN_S3),
    "docker-gcs": _in_image(_IN_GCS),
    "docker-azure": _in_image(_IN_AZURE),
}
