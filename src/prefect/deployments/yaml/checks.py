"""Check what a deployment in a project file says: its flow, work pool, parameters, triggers and simple values."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import jsonschema
from pydantic import BaseModel, ValidationError

from prefect import settings
from prefect.deployments import steps
from prefect.deployments.steps.core import parse_step
from prefect.deployments.yaml.document import suggest
from prefect.deployments.yaml.filling import is_template
from prefect.deployments.yaml.project import ACTIONS, DeploymentEntry
from prefect.events.schemas import deployment_triggers
from prefect.exceptions import MissingFlowError, ObjectNotFound, ScriptError
from prefect.loading.sources import find_flow_functions
from prefect.schemas.model_tools import find_misspelled_fields

if TYPE_CHECKING:
    from prefect.client.orchestration import PrefectClient
    from prefect.schemas.work import WorkPool

F = TypeVar("F")

_TRUE, _FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0")


def check_keys(entry: DeploymentEntry) -> None:
    """Check that a deployment has a name and an entrypoint, and nothing that only Prefect Cloud has.

    Raises:
        ProjectFileError: It has not.
    """
    if not entry.name:
        raise entry.error((), "A deployment needs a `name`.")
    if not entry.values.get("entrypoint"):
        raise entry.error((), f"The deployment {entry.name!r} needs an `entrypoint`, such as path/to/file.py:my_flow.")
    if entry.values.get("sla"):
        raise entry.error(("sla",), "Service level agreements are a feature of Prefect Cloud: remove `sla`.")


def check_steps(entry: DeploymentEntry) -> None:
    """Check that the steps of this package that a deployment names exist, and have the inputs that it passes.

    Raises:
        ProjectFileError: They do not.
    """
    for action in ACTIONS:
        found = entry.values.get(action)
        listed = [found] if isinstance(found, Mapping) else found or ()
        for position, step in enumerate(listed):
            key_path = (action,) if listed is not found else (action, position)
            if step:
                _check_step(entry, key_path, step)


def _check_step(entry: DeploymentEntry, key_path: tuple[str | int, ...], written: Mapping[str, Any]) -> None:
    try:
        step = parse_step(dict(written))
    except ValueError as error:
        raise entry.error(key_path, f"{error}".rstrip(".") + ".") from error
    module, _, name = step.function.rpartition(".")
    if module != steps.__name__:
        return  # of another package, which a step may still install
    if name not in steps.__all__:
        hint = suggest(name, steps.__all__) or f" There is: {', '.join(steps.__all__)}."
        raise entry.error(key_path, f"There is no step {step.function!r}.{hint}")
    parameters = inspect.signature(getattr(steps, name)).parameters
    unknown = [each for each in step.inputs if each not in parameters]
    if unknown:
        known = ", ".join(parameters)
        raise entry.error(
            (*key_path, step.function, unknown[0]), f"The step {name!r} has no input {unknown[0]!r}, but {known}."
        )
    missing = [each for each, found in parameters.items() if found.default is found.empty and each not in step.inputs]
    if missing:
        raise entry.error((*key_path, step.function), f"The step {name!r} needs the input {missing[0]!r}.")


def load_flow(entry: DeploymentEntry, load: Callable[[str], F]) -> F:
    """Return the flow of a deployment.

    Raises:
        ProjectFileError: There is no such file, module or flow, or loading it fails.
    """
    entrypoint, key_path = str(entry.values["entrypoint"]), ("entrypoint",)
    try:
        flow = load(entrypoint)
    except FileNotFoundError as error:
        raise entry.error(key_path, _describe_missing_file(Path(entrypoint.rpartition(":")[0]))) from error
    except MissingFlowError as error:
        raise entry.error(key_path, _describe_missing_flow(entrypoint, error)) from error
    except (ScriptError, ImportError, SyntaxError, ValueError) as error:
        # The error of the file itself, rather than that its definitions alone do not suffice.
        script = next((each for each in (error, error.__context__) if isinstance(each, ScriptError)), None)
        reason = f"{type(script.user_exc).__name__}: {script.user_exc}" if script is not None else str(error)
        raise entry.error(key_path, f"{entrypoint!r} cannot be loaded: {' '.join(reason.split())}") from error
    name = entry.values.get("flow_name")
    if name and name != getattr(flow, "name", name):
        raise entry.error(("flow_name",), f"The flow of {entrypoint!r} is named {flow.name!r}, not {name!r}.")  # pyright: ignore
    return flow


def _describe_missing_file(path: Path) -> str:
    known = path.parent.glob("*.py") if path.parent.is_dir() else ()
    return f"There is no file {str(path)!r}.{suggest(str(path), map(str, known))}"


def _describe_missing_flow(entrypoint: str, error: MissingFlowError) -> str:
    path, _, name = entrypoint.rpartition(":")
    if not path and entrypoint.endswith(".py"):
        example = [*find_flow_functions(Path(entrypoint)), "my_flow"][0]
        return f"{entrypoint!r} names no flow: add its function, as in '{entrypoint}:{example}'."
    return f"{entrypoint!r} cannot be loaded: {error}{suggest(name, find_flow_functions(Path(path)))}"


async def find_work_pool(client: PrefectClient, entry: DeploymentEntry) -> WorkPool | None:
    """Return the work pool of a deployment: the one that it names, else the default one of the settings, else none.

    Raises:
        ProjectFileError: There is no such work pool.
    """
    written: Mapping[str, Any] = entry.values.get("work_pool") or {}
    key_path = ("work_pool", "name") if written.get("name") else ("work_pool",) if written else ()
    name = written.get("name") or settings.get_current_settings().deployments.default_work_pool_name
    if not name:
        if written.get("work_queue_name"):
            raise entry.error(key_path, "A work queue needs a work pool: add its `name`.")
        return None
    try:
        return await client.read_work_pool(str(name))
    except ObjectNotFound as error:
        near = suggest(str(name), [pool.name for pool in await client.read_work_pools()])
        message = f"There is no work pool {name!r}: create it with `prefect work-pool create {name}`.{near}"
        raise entry.error(key_path, message) from error


def check_parameters(
    entry: DeploymentEntry, flow: str, parameters: Mapping[str, Any], schema: Mapping[str, Any]
) -> None:
    """Check the parameters of a deployment and of its schedules against the schema of its flow.

    Raises:
        ProjectFileError: One is unknown or has another type.
    """
    _check_values(entry, ("parameters",), flow, parameters, schema)
    for position, schedule in enumerate(entry.values.get("schedules") or ()):
        key_path = ("schedules", position, "parameters")
        _check_values(entry, key_path, flow, schedule.get("parameters") or {}, schema)


def _check_values(
    entry: DeploymentEntry,
    key_path: tuple[str | int, ...],
    flow: str,
    values: Mapping[str, Any],
    schema: Mapping[str, Any],
) -> None:
    known = schema.get("properties") or {}
    for name in values:
        if name not in known and not schema.get("additionalProperties"):
            names = ", ".join(map(repr, known)) or "none"
            message = f"The flow {flow!r} has no parameter {name!r}; it has {names}."
            raise entry.error((*key_path, name), message)
    _check_schema(entry, key_path, "parameter", values, schema)


def check_job_variables(entry: DeploymentEntry, values: Mapping[str, Any], pool: WorkPool) -> None:
    """Check the job variables of a deployment against the template of its work pool.

    Raises:
        ProjectFileError: One has another type than the template says.
    """
    schema = (pool.base_job_template or {}).get("variables") or {}
    _check_schema(entry, ("work_pool", "job_variables"), "job variable", values, schema)


def _check_schema(
    entry: DeploymentEntry,
    key_path: tuple[str | int, ...],
    kind: str,
    values: Mapping[str, Any],
    schema: Mapping[str, Any],
) -> None:
    """Check values that may be templates, and that need not be complete."""
    partial = {name: part for name, part in schema.items() if name != "required"}
    try:
        errors: Any = list(jsonschema.Draft202012Validator(partial).iter_errors(values))
    except Exception:  # a schema that cannot be used is for the server to refuse
        return
    for error in errors:
        path = list(error.absolute_path)
        if not path or _has_template(error.instance):
            continue
        shown = json.dumps(error.instance, default=str)
        reason = error.message if len(error.message) < 100 else f"{shown[:60]} is not what it must be"
        raise entry.error((*key_path, *path), f"The {kind} {path[0]!r} is not valid: {reason}.")


def _has_template(value: Any) -> bool:
    """Return whether a value is filled later: by a worker, or by the server when a run is created."""
    if isinstance(value, Mapping):
        return "__prefect_kind" in value or any(map(_has_template, value.values()))
    if isinstance(value, list):
        return any(map(_has_template, value))
    return is_template(value)


def build_triggers(entry: DeploymentEntry) -> list[Any]:
    """Return the triggers of a deployment.

    Raises:
        ProjectFileError: A trigger is not valid.
    """
    found: list[Any] = []
    for position, trigger in enumerate(entry.values.get("triggers") or ()):
        try:
            read = _find_trigger_class(entry, position, trigger).model_validate(trigger)
        except ValidationError as error:
            first = error.errors()[0]
            where = [part for part in first["loc"] if isinstance(part, str | int)]
            message = first["msg"].removeprefix("Value error, ").rstrip(".")
            name = ".".join(map(str, where)) or "trigger"
            raise entry.error(("triggers", position, *where), f"{name!r} is not valid: {message}.") from error
        for place, similar in find_misspelled_fields(trigger, read):
            message = f"Triggers have no key {place[-1]!r}. Did you mean {similar!r}?"
            raise entry.error(("triggers", position, *place), message)
        found.append(read)
    return found


def _find_trigger_class(entry: DeploymentEntry, position: int, trigger: Mapping[str, Any]) -> type[BaseModel]:
    kind = deployment_triggers.deployment_trigger_discriminator(trigger)
    if kind not in _TRIGGERS:
        known = ", ".join(_TRIGGERS)
        raise entry.error(("triggers", position, "type"), f"There are no triggers of the type {kind!r}, but {known}.")
    return _TRIGGERS[kind]


_TRIGGERS: Mapping[str, type[BaseModel]] = {
    "event": deployment_triggers.DeploymentEventTrigger,
    "metric": deployment_triggers.DeploymentMetricTrigger,
    "compound": deployment_triggers.DeploymentCompoundTrigger,
    "sequence": deployment_triggers.DeploymentSequenceTrigger,
}


def to_bool(entry: DeploymentEntry, key: str) -> bool | None:
    """Return a value as true or false; None if it is not there, or a placeholder of a step that has not run."""
    value = entry.values.get(key)
    if value is None or isinstance(value, bool) or is_template(value):
        return value if isinstance(value, bool) else None
    text = str(value).strip().lower()
    if text not in _TRUE + _FALSE:
        raise entry.error((key,), f"{key!r} must be true or false, not {value!r}.")
    return text in _TRUE


def to_int(entry: DeploymentEntry, key_path: tuple[str | int, ...], value: Any) -> int | None:
    """Return a value as a positive number; None if it is not there, or a placeholder of a step that has not run."""
    if value is None or is_template(value):
        return None
    try:
        number = int(value)
    except (TypeError, ValueError):
        number = 0
    if number < 1:
        raise entry.error(key_path, f"{key_path[-1]!r} must be a number above 0, not {value!r}.")
    return number
