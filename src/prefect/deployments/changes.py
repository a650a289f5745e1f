"""Changes that make the API's deployment equal to the one its author wrote: finding and applying them.

`plan_change` is pure: it compares a spec with what the API has. What the author left open, and what others have set
since, such as the pause of a schedule, is not changed. A deployment that is already as written is not touched.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from prefect.client.orchestration.base import dump_set_fields, parse_id
from prefect.deployments import triggers
from prefect.deployments.spec import DeploymentSpec, ScheduleSpec
from prefect.exceptions import ObjectNotFound
from prefect.schemas.actions import DeploymentCreate, DeploymentScheduleCreate, DeploymentUpdate
from prefect.schemas.schedules import DEFAULT_ANCHOR_DATE, IntervalSchedule, RRuleSchedule

if TYPE_CHECKING:
    from prefect.client.orchestration import PrefectClient
    from prefect.schemas.deployments import DeploymentSchedule
    from prefect.schemas.responses import DeploymentResponse


@dataclass(frozen=True, kw_only=True)
class ScheduleChange:
    """A change of a schedule of a deployment.

    Attributes:
        before: The stored schedule; None for one to add.
        after: The schedule as written; None for one to delete.
        fields: The fields to set of a stored schedule.
    """

    before: DeploymentSchedule | None
    after: DeploymentScheduleCreate | None
    fields: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class DeploymentChange:
    """The changes that make a deployment equal to the written one.

    Attributes:
        spec: The deployment as written.
        before: The stored deployment; None for a new one.
        fields: The fields to set, each with its value before and after.
        schedules: The changes of its schedules.
    """

    spec: DeploymentSpec
    before: DeploymentResponse | None
    fields: Mapping[str, tuple[Any, Any]]
    schedules: tuple[ScheduleChange, ...]

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to change."""
        return self.before is not None and not self.fields and not self.schedules


def plan_change(spec: DeploymentSpec, before: DeploymentResponse | None) -> DeploymentChange:
    """Return what has to change.

    Args:
        spec: The deployment as written.
        before: The stored deployment; None if there is none.
    """
    wanted = spec.build_fields()
    fields = {name: (_read_field(before, name), value) for name, value in wanted.items()}
    if before is not None:
        fields = {name: values for name, values in fields.items() if values[0] != values[1]}
    stored = before.schedules if before is not None else []
    schedules = () if spec.schedules is None else tuple(_plan_schedules(spec.schedules, stored))
    return DeploymentChange(spec=spec, before=before, fields=fields, schedules=schedules)


def _read_field(before: DeploymentResponse | None, name: str) -> Any:
    if before is None:
        return None
    if name == "concurrency_limit":
        return before.global_concurrency_limit.limit if before.global_concurrency_limit else before.concurrency_limit
    return getattr(before, name)


def _plan_schedules(written: Iterable[ScheduleSpec], stored: Iterable[DeploymentSchedule]) -> Iterable[ScheduleChange]:
    """Return the changes of schedules. A stored one is found by its slug, or else by what it says."""
    left = list(stored)
    for spec in written:
        match = _find_match(spec.schedule, left)
        if match is None:
            yield ScheduleChange(before=None, after=spec.schedule, fields={})
            continue
        left.remove(match)
        if fields := _compare_schedule(spec, match):
            yield ScheduleChange(before=match, after=spec.schedule, fields=fields)
    for schedule in left:
        yield ScheduleChange(before=schedule, after=None, fields={})


def _find_match(written: DeploymentScheduleCreate, stored: list[DeploymentSchedule]) -> DeploymentSchedule | None:
    if written.slug or written.replaces:
        slugs = (written.replaces, written.slug)
        return next((each for slug in slugs if slug for each in stored if each.slug == slug), None)
    same = [each for each in stored if not each.slug and _is_same_time(written.schedule, each.schedule)]
    return next((each for each in same if each.parameters == written.parameters), same[0] if same else None)


def _is_same_time(written: Any, stored: Any) -> bool:
    """Return whether two schedules are due at the same times. An interval without a start keeps the one it has."""
    if isinstance(written, IntervalSchedule) and isinstance(stored, IntervalSchedule):
        has_anchor = "anchor_date" in written.model_fields_set
        compared = ("interval", "timezone", "anchor_date") if has_anchor else ("interval", "timezone")
        return all(getattr(written, name) == getattr(stored, name) for name in compared)
    if isinstance(written, RRuleSchedule) and isinstance(stored, RRuleSchedule):
        return (_strip_default_start(written.rrule), written.timezone) == (
            _strip_default_start(stored.rrule),
            stored.timezone,
        )
    return written == stored


def _strip_default_start(rrule: str) -> str:
    """Return a rule without the start that one without a start has, which the original's server writes into it."""
    start, _, rest = rrule.strip().partition("\n")
    text = rest if start == f"DTSTART:{DEFAULT_ANCHOR_DATE:%Y%m%d}T000000" else rrule.strip()
    return text.removeprefix("RRULE:")


def _compare_schedule(spec: ScheduleSpec, stored: DeploymentSchedule) -> dict[str, Any]:
    """Return the fields of a stored schedule that have to change."""
    written, fields = spec.schedule, dict[str, Any]()
    if not _is_same_time(written.schedule, stored.schedule):
        fields["schedule"] = written.schedule
    if spec.sets_active and written.active != stored.active:
        fields["active"] = written.active
    for name in ("parameters", "slug", "max_scheduled_runs"):
        if getattr(written, name) != getattr(stored, name) and name in written.model_fields_set:
            fields[name] = getattr(written, name)
    return fields


async def find_deployment(client: PrefectClient, flow_name: str, name: str) -> DeploymentResponse | None:
    """Return the stored deployment of a name, or None."""
    try:
        return await client.read_deployment_by_name(f"{flow_name}/{name}")
    except ObjectNotFound:
        return None


async def apply_spec(client: PrefectClient, spec: DeploymentSpec) -> UUID:
    """Create a deployment, or change it to what is written; return its id.

    Raises:
        ObjectNotFound: There is no such work pool.
        httpx.HTTPStatusError: The server refuses it, as its message says.
    """
    return await apply_change(client, plan_change(spec, await find_deployment(client, spec.flow_name, spec.name)))


async def apply_change(client: PrefectClient, change: DeploymentChange) -> UUID:
    """Make a planned change, and return the id of the deployment."""
    spec, before = change.spec, change.before
    if before is None:
        deployment_id = await _create(client, spec)
        if spec.triggers:
            await triggers.apply_triggers(client, spec, deployment_id, is_new=True)
        return deployment_id
    if change.fields:
        update = DeploymentUpdate(**{name: after for name, (_, after) in change.fields.items()})
        await client.update_deployment(before.id, update)
    for schedule in change.schedules:
        await _apply_schedule_change(client, before.id, schedule)
    await triggers.apply_triggers(client, spec, before.id, is_new=False)
    return before.id


async def _create(client: PrefectClient, spec: DeploymentSpec) -> UUID:
    flow_id = await client.create_flow_from_name(spec.flow_name)
    schedules = [each.schedule for each in spec.schedules or ()]
    labels = {"labels": dict(spec.labels)} if spec.labels else {}
    new = DeploymentCreate(flow_id=flow_id, name=spec.name, schedules=schedules, **labels, **spec.build_fields())
    answer = await client._call("POST", "/deployments/", dump_set_fields(new))
    return parse_id(answer["id"])


async def _apply_schedule_change(client: PrefectClient, deployment_id: UUID, change: ScheduleChange) -> None:
    if change.before is None:
        assert change.after is not None
        await client.create_deployment_schedules(deployment_id, [change.after])
    elif change.after is None:
        await client.delete_deployment_schedule(deployment_id, change.before.id)
    else:
        # The original's server empties the parameters of a schedule when a change does not name them.
        fields = {"parameters": change.before.parameters, **change.fields}
        await client.update_deployment_schedule(deployment_id, change.before.id, **fields)
