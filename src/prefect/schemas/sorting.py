"""Sort orders of lists.

A name is a field, then ASC for smallest first or DESC for largest first.
"""

from __future__ import annotations

from enum import auto

from prefect.types.enums import AutoEnum


class ArtifactCollectionSort(AutoEnum):
    """The order of the latest artifacts of each key."""

    CREATED_DESC = auto()
    UPDATED_DESC = auto()
    ID_DESC = auto()
    KEY_DESC = auto()
    KEY_ASC = auto()


class ArtifactSort(AutoEnum):
    """The order of artifacts."""

    CREATED_DESC = auto()
    UPDATED_DESC = auto()
    ID_DESC = auto()
    KEY_DESC = auto()
    KEY_ASC = auto()


class AutomationSort(AutoEnum):
    """The order of automations."""

    CREATED_DESC = auto()
    UPDATED_DESC = auto()
    NAME_ASC = auto()
    NAME_DESC = auto()


class BlockDocumentSort(AutoEnum):
    """The order of block documents."""

    NAME_DESC = auto()
    NAME_ASC = auto()
    BLOCK_TYPE_AND_NAME_ASC = auto()


class DeploymentSort(AutoEnum):
    """The order of deployments."""

    CREATED_DESC = auto()
    UPDATED_DESC = auto()
    NAME_ASC = auto()
    NAME_DESC = auto()
    CONCURRENCY_LIMIT_ASC = auto()
    CONCURRENCY_LIMIT_DESC = auto()


class FlowRunSort(AutoEnum):
    """The order of flow runs."""

    ID_DESC = auto()
    START_TIME_ASC = auto()
    START_TIME_DESC = auto()
    EXPECTED_START_TIME_ASC = auto()
    EXPECTED_START_TIME_DESC = auto()
    NAME_ASC = auto()
    NAME_DESC = auto()
    NEXT_SCHEDULED_START_TIME_ASC = auto()
    END_TIME_DESC = auto()


class FlowSort(AutoEnum):
    """The order of flows."""

    CREATED_DESC = auto()
    UPDATED_DESC = auto()
    NAME_ASC = auto()
    NAME_DESC = auto()


class LogSort(AutoEnum):
    """The order of logs."""

    TIMESTAMP_ASC = auto()
    TIMESTAMP_DESC = auto()


class TaskRunSort(AutoEnum):
    """The order of task runs."""

    ID_DESC = auto()
    EXPECTED_START_TIME_ASC = auto()
    EXPECTED_START_TIME_DESC = auto()
    NAME_ASC = auto()
    NAME_DESC = auto()
    NEXT_SCHEDULED_START_TIME_ASC = auto()
    END_TIME_DESC = auto()
    DURATION_DESC = auto()
    DURATION_ASC = auto()


class VariableSort(AutoEnum):
    """The order of variables."""

    CREATED_DESC = auto()
    UPDATED_DESC = auto()
    NAME_DESC = auto()
    NAME_ASC = auto()
