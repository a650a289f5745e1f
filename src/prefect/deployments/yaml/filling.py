"""Fill the templates of a deployment in a project file.

What is filled when: environment variables, variables and blocks before anything runs; the outputs of build and push
steps after these. Blocks in job variables and pull steps are left to the worker: their values are not stored in the
deployment, where everyone could read them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from prefect import variables
from prefect.blocks import placeholders
from prefect.deployments.yaml.project import ACTIONS, DeploymentEntry
from prefect.exceptions import PrefectException
from prefect.values import templates
from prefect.values.annotations import NotSet

if TYPE_CHECKING:
    from prefect.client.orchestration import PrefectClient

LEFT_TO_WORKERS = "ctx."
"""Placeholders that begin so are filled when a run starts."""


async def fill_early(client: PrefectClient, entry: DeploymentEntry) -> DeploymentEntry:
    """Return a deployment with its environment variables, variables and blocks filled, outside of build and push steps.

    Raises:
        ProjectFileError: There is no such block.
    """
    filled: dict[str, Any] = {}
    for key, value in entry.values.items():
        if key in ("build", "push"):
            continue  # a step fills its own
        value = _fill_environment(value)
        if key not in ACTIONS:
            value = await _fill_stored(client, entry, key, value)
        filled[key] = value
    return DeploymentEntry(
        values={**entry.values, **filled}, document=entry.document, key_path=entry.key_path, overridden=entry.overridden
    )


def fill_outputs(
    values: Mapping[str, Any], outputs: Mapping[str, Any], on_missing: Callable[[str, str], None] | None
) -> dict[str, Any]:
    """Return the values of a deployment with the outputs of steps in them.

    Args:
        values: The values.
        outputs: The outputs by name.
        on_missing: Called with the key and name of each placeholder without a value, which is left out; if None, such
            placeholders stay, because the steps have not run.
    """
    filled: dict[str, Any] = {}
    for key, value in values.items():
        if key in ("build", "push"):
            filled[key] = value
            continue
        report = partial(on_missing, key) if on_missing is not None else None
        if key == "triggers":
            filled[key] = [_fill_trigger(trigger, outputs, report) for trigger in value or ()]
        else:
            # Workers fill what is missing in a pull step.
            new = _fill(value, outputs, None if key == "pull" else report)
            if new is not NotSet:
                filled[key] = new
    return filled


def is_template(value: Any) -> bool:
    """Return whether a value is a text with placeholders."""
    return isinstance(value, str) and bool(templates.find_placeholders(value))


def _fill_trigger(
    trigger: Mapping[str, Any], outputs: Mapping[str, Any], report: Callable[[str], None] | None
) -> dict[str, Any]:
    """Fill a trigger, except for the parameters of its runs: these are templates of the automation."""
    own = {key: value for key, value in trigger.items() if key != "parameters"}
    kept = {"parameters": trigger["parameters"]} if "parameters" in trigger else {}
    return {**_fill(own, outputs, report), **kept}


def _fill(value: Any, outputs: Mapping[str, Any], report: Callable[[str], None] | None) -> Any:
    found: Any = templates.apply_values(
        value, dict(outputs), remove_notset=report is not None, on_missing=report, skip_prefixes=[LEFT_TO_WORKERS]
    )
    return value if found is NotSet and report is None else found


def _fill_environment(value: Any) -> Any:
    """Fill the placeholders of environment variables that are set."""
    environment = {
        placeholder.full_match: templates.apply_values(placeholder.full_match, {}, remove_notset=False)
        for placeholder in templates.find_placeholders(value)
        if placeholder.type is templates.PlaceholderType.ENV_VAR
    }
    return templates.replace_placeholders(value, environment)


async def _fill_stored(client: PrefectClient, entry: DeploymentEntry, key: str, value: Any) -> Any:
    """Fill the placeholders of variables and blocks in the value of a key."""
    if key == "work_pool" and isinstance(value, Mapping):
        job_variables = await _resolve(client, entry, (key, "job_variables"), value.get("job_variables"), check=True)
        own = {name: item for name, item in value.items() if name != "job_variables"}
        return {**await _resolve(client, entry, (key,), own), "job_variables": job_variables or {}}
    if isinstance(value, list):
        return [await _resolve(client, entry, (key, position), item) for position, item in enumerate(value)]
    return await _resolve(client, entry, (key,), value)


async def _resolve(
    client: PrefectClient, entry: DeploymentEntry, key_path: tuple[str | int, ...], value: Any, check: bool = False
) -> Any:
    """Fill a value; with `check` the blocks must exist but their placeholders stay."""
    try:
        value = await variables.resolve_variables(value, client)
        filled = await placeholders.resolve_block_document_references(value, client)
    except (PrefectException, ValueError) as error:
        raise entry.error(key_path, " ".join(str(error).split())) from error
    return value if check else filled
