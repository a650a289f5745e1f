"""The origin of the version of a deployment's code: `version_type` of a project file."""

from __future__ import annotations

import os
import subprocess
from typing import Any

from prefect.deployments.yaml.project import DeploymentEntry
from prefect.schemas.deployments import VersionInfo

SIMPLE = "prefect:simple"
GIT = "vcs:git"

# Environment variables of build services: commit, branch, repository, address of the repository.
_SERVICES = {
    "vcs:github": ("GITHUB_SHA", "GITHUB_REF_NAME", "GITHUB_REPOSITORY", "GITHUB_SERVER_URL"),
    "vcs:gitlab": ("CI_COMMIT_SHA", "CI_COMMIT_REF_NAME", "CI_PROJECT_NAME", "CI_PROJECT_URL"),
    "vcs:bitbucket": ("BITBUCKET_COMMIT", "BITBUCKET_BRANCH", "BITBUCKET_REPO_SLUG", "BITBUCKET_GIT_HTTP_ORIGIN"),
    "vcs:azuredevops": (
        "BUILD_SOURCEVERSION",
        "BUILD_SOURCEBRANCHNAME",
        "BUILD_REPOSITORY_NAME",
        "BUILD_REPOSITORY_URI",
    ),
}


def find_version_info(entry: DeploymentEntry, version: str | None) -> VersionInfo | None:
    """Return where the version of a deployment comes from; None if it says no `version_type`.

    Raises:
        ProjectFileError: The type is not known, or what it needs is not there.
    """
    kind: Any = entry.values.get("version_type")
    if not kind:
        return None
    if kind == SIMPLE:
        return VersionInfo(type=SIMPLE, version=version or "")
    if kind == GIT:
        return VersionInfo.model_validate(
            {"type": GIT, **_read_git(entry), **({"version": version} if version else {})}
        )
    if kind not in _SERVICES:
        known = ", ".join([SIMPLE, GIT, *_SERVICES])
        raise entry.error(("version_type",), f"The version type {kind!r} is not known. There is: {known}.")
    commit, branch, repository, url = (os.environ.get(name) for name in _SERVICES[kind])
    if not commit:
        raise entry.error(("version_type",), f"{kind!r} needs the environment variable {_SERVICES[kind][0]}.")
    fields = {"commit_sha": commit, "branch": branch, "repository": repository, "url": url}
    return VersionInfo.model_validate({"type": kind, "version": version or commit[:8], **fields})


def _read_git(entry: DeploymentEntry) -> dict[str, str]:
    def ask(*arguments: str) -> str:
        done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=True)
        return done.stdout.strip()

    try:
        commit = ask("rev-parse", "HEAD")
        return {
            "version": commit[:8],
            "commit_sha": commit,
            "message": ask("log", "-1", "--format=%s"),
            "branch": ask("rev-parse", "--abbrev-ref", "HEAD"),
            "repository": os.path.basename(ask("rev-parse", "--show-toplevel")),
        }
    except (OSError, subprocess.CalledProcessError) as error:
        raise entry.error(("version_type",), "'vcs:git' needs a git repository with a commit here.") from error
