"""Steps: functions that build, store and fetch the code of deployments, as `prefect.yaml` names them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect._lazy import exports

if TYPE_CHECKING:
    from prefect.deployments.steps.core import run_step
    from prefect.deployments.steps.pull import (
        git_clone,
        pull_from_remote_storage,
        pull_with_block,
        set_working_directory,
    )
    from prefect.deployments.steps.utility import pip_install_requirements, run_shell_script

__all__ = [
    "git_clone",
    "pip_install_requirements",
    "pull_from_remote_storage",
    "pull_with_block",
    "run_shell_script",
    "run_step",
    "set_working_directory",
]

_EXPORTS = {
    "prefect.deployments.steps.core": "run_step",
    "prefect.deployments.steps.pull": "git_clone pull_from_remote_storage pull_with_block set_working_directory",
    "prefect.deployments.steps.utility": "pip_install_requirements run_shell_script",
}

__getattr__, __dir__ = exports(__name__, _EXPORTS, submodules="core pull utility")
