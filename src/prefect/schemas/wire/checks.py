"""Checks of templates in requests, so that invalid ones fail early."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, cast

from prefect._lazy import lazy_from, lazy_modules
from prefect.values import templates

if TYPE_CHECKING:
    import jinja2
    import orjson
    from jinja2 import nodes, sandbox
else:
    jinja2, orjson = lazy_modules("jinja2", "orjson")
    nodes, sandbox = lazy_from("jinja2", "nodes", "sandbox")

REMEMBERED_TEMPLATES, REMEMBERED_CHARACTERS = 200, 5_000
"""The size of the cache of valid templates, and the maximum length of a cached template."""

MAX_LOOPS = 10
MAX_NESTED_LOOPS = 2
"""How many loops a template of a user may have, and how deep in each other: it is rendered on the server."""


def check_template(template: str) -> str:
    """Return the template; raise ValueError if it is invalid or has too many loops."""
    if "{" in template:  # hot path: texts in parameters are checked as templates, and most are none
        (_check_once if len(template) <= REMEMBERED_CHARACTERS else _check)(template)
    return template


def _check(template: str) -> None:
    try:
        parsed = sandbox.ImmutableSandboxedEnvironment().parse(template)
        loops, depth = _loops(parsed)
    except jinja2.TemplateSyntaxError as error:
        raise ValueError(f"This is not a template: {error.message}") from error
    except RecursionError:
        raise ValueError("This template is nested too deep to be read.") from None
    if loops > MAX_LOOPS:
        raise ValueError(f"A template must have at most {MAX_LOOPS} loops, and this has {loops}.")
    if depth > MAX_NESTED_LOOPS:
        raise ValueError(
            f"Loops of a template must be nested at most {MAX_NESTED_LOOPS} deep, and these are {depth} deep."
        )


_check_once = functools.lru_cache(REMEMBERED_TEMPLATES)(_check)


def _loops(node: nodes.Node) -> tuple[int, int]:
    """Return the number and the nesting depth of loops in a part of a template."""
    inside = [_loops(child) for child in node.iter_child_nodes()]
    here = int(isinstance(node, nodes.For))
    return here + sum(loops for loops, _ in inside), here + max((depth for _, depth in inside), default=0)


def check_parameters(parameters: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return the parameters of a run; raise ValueError if a template or JSON value in them is invalid."""
    for name, value in (parameters or {}).items():
        try:
            _check_parameter(value)
        except ValueError as error:
            raise ValueError(f"The parameter {name!r} is not valid: {error}") from error
    return parameters


def _check_parameter(value: Any) -> None:
    if isinstance(value, str):
        check_template(value)
    if not isinstance(value, dict):
        return
    fields = cast("dict[str, Any]", value)
    if fields.get("__prefect_kind") == "jinja":
        if "template" not in fields:
            raise ValueError("a value of the kind 'jinja' must have a `template`.")
        if isinstance(fields["template"], str):
            check_template(fields["template"])
    if fields.get("__prefect_kind") == "json" and isinstance(fields.get("value"), str):
        orjson.loads(fields["value"])


def check_base_job_template(template: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return the base job template of a work pool; an empty one is valid.

    Raises:
        ValueError: A part is missing, or it uses an undeclared variable.
    """
    if not template:
        return template
    configuration, variables = template.get("job_configuration"), template.get("variables")
    if not (isinstance(configuration, dict) and configuration and isinstance(variables, dict) and variables):
        raise ValueError("A base job template must have a `job_configuration` and `variables`, both objects.")
    properties = cast("dict[str, Any]", variables).get("properties")
    declared = cast("dict[str, Any]", properties) if isinstance(properties, dict) else {}
    used = {placeholder.name for placeholder in templates.find_placeholders(cast("dict[str, Any]", configuration))}
    if undeclared := sorted(used.difference(declared)):
        raise ValueError(
            f"The job configuration uses {', '.join(undeclared)}: declare every variable among the properties of "
            "`variables`."
        )
    return template
