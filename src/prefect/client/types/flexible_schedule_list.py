"""Type of the accepted forms of a deployment's schedules."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

from prefect.schedules import Schedule
from prefect.schemas.actions import DeploymentScheduleCreate
from prefect.schemas.schedules import SCHEDULE_TYPES

FlexibleScheduleList: TypeAlias = Sequence[DeploymentScheduleCreate | dict[str, Any] | SCHEDULE_TYPES | Schedule]
