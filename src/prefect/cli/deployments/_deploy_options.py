"""The options of `prefect deploy` as values of a deployment in prefect.yaml."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefect._lazy import lazy_modules
from prefect.cli.core.output import fail, print_notice
from prefect.cli.deployments import _deployments

if TYPE_CHECKING:
    import yaml

    from prefect.deployments.yaml.project import DeploymentEntry
    from prefect.types import json_codec
else:
    json_codec, yaml = lazy_modules("prefect.types.json_codec", "yaml")

_PLAIN = ("description", "version", "version_type", "enforce_parameter_schema")


def build_overrides(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that options set, by the keys of prefect.yaml.

    `schedules` are those to add; `work_pool` has the keys that are set.
    """
    overrides: dict[str, Any] = {name: options[name] for name in _PLAIN if options[name] is not None}
    if options["tags"]:
        overrides["tags"] = list(options["tags"])
    if options["params"] is not None and options["param"]:
        fail("Pass either --param or --params.")
    parameters = _deployments.parse_json_object(options["params"], "--params")
    parameters |= _deployments.parse_pairs(options["param"], "--param")
    if parameters:
        overrides["parameters"] = parameters
    if limit := _build_limit(options["concurrency_limit"], options["concurrency_limit_collision_strategy"]):
        overrides["concurrency_limit"] = limit
    if pool := _build_work_pool(options):
        overrides["work_pool"] = pool
    if schedules := _build_schedules(options):
        overrides["schedules"] = schedules
    if options["trigger"]:
        overrides["triggers"] = [trigger for text in options["trigger"] for trigger in _read_triggers(text)]
    if options["sla"]:
        overrides["sla"] = [_parse_object(text, "--sla") for text in options["sla"]]
    return overrides


def override(entries: Sequence[DeploymentEntry], overrides: Mapping[str, Any]) -> list[DeploymentEntry]:
    """Return deployments with the values of options, which are ignored with a notice if there are several."""
    if not overrides:
        return list(entries)
    if len(entries) > 1:
        print_notice(f"The options are ignored, because {len(entries)} deployments are deployed.")
        return list(entries)
    return [entry.override(_merge(entry.values, overrides)) for entry in entries]


def _merge(values: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(overrides)
    for key in ("work_pool", "parameters"):
        if key in overrides:
            merged[key] = {**(values.get(key) or {}), **overrides[key]}
    if "schedules" in overrides:
        written = values.get("schedules") or ([values["schedule"]] if values.get("schedule") else [])
        merged["schedules"] = [*written, *overrides["schedules"]]
    return merged


def _build_limit(limit: int | None, strategy: str | None) -> Any:
    if strategy is None:
        return limit
    if limit is None:
        fail("--collision-strategy needs --concurrency-limit.")
    return {"limit": limit, "collision_strategy": strategy.upper()}


def _build_work_pool(options: Mapping[str, Any]) -> dict[str, Any]:
    pool: dict[str, Any] = {"name": options["work_pool_name"], "work_queue_name": options["work_queue_name"]}
    pool = {name: value for name, value in pool.items() if value is not None}
    if options["job_variables"]:
        variables: dict[str, Any] = {}
        for text in options["job_variables"]:
            is_object = text.lstrip().startswith("{")
            variables |= _parse_object(text, "--job-variable") if is_object else _parse_pair(text)
        pool["job_variables"] = variables
    return pool


def _parse_pair(text: str) -> dict[str, Any]:
    return _deployments.parse_pairs([text], "--job-variable")


def _parse_object(text: str, option: str) -> dict[str, Any]:
    return _deployments.parse_json_object(text, option)


def _build_schedules(options: Mapping[str, Any]) -> list[dict[str, Any]]:
    zone = {"timezone": options["timezone"]} if options["timezone"] else {}
    anchor = {"anchor_date": options["interval_anchor"]} if options["interval_anchor"] else {}
    if anchor and not options["interval"]:
        fail("--anchor-date needs --interval.")
    schedules = [
        *({"cron": text, **zone} for text in options["cron"]),
        *({"interval": seconds, **anchor, **zone} for seconds in options["interval"]),
        *({"rrule": text, **zone} for text in options["rrule"]),
    ]
    if zone and not schedules:
        fail("--timezone needs --cron, --interval or --rrule.")
    return schedules


def _read_triggers(text: str) -> list[dict[str, Any]]:
    """Read triggers: from JSON, or from a file that has a list, or a mapping with the key `triggers`."""
    if text.endswith((".yaml", ".yml", ".json")):
        try:
            content = Path(text).read_text(encoding="utf-8")
        except OSError as error:
            fail(f"--trigger: the file {text!r} cannot be read: {error.strerror}.")
        try:
            value: Any = yaml.safe_load(content)
        except yaml.YAMLError as error:
            fail(f"--trigger: {text} is not valid YAML: {' '.join(str(error).split())}")
    else:
        try:
            value = json_codec.loads(text)
        except ValueError as error:
            fail(f"--trigger expects JSON or a file, got invalid JSON: {error}.")
    value = value.get("triggers", [value]) if isinstance(value, dict) else value
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        fail(f"--trigger: {text!r} has no trigger, which is a mapping.")
    return value
