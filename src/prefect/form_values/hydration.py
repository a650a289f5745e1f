"""Hydrate values: replace objects with `__prefect_kind` by the values that they describe.

`none` (or null) is the `value` as it is, `json` is JSON in a string, `jinja` is a `template` to render, and
`workspace_variable` is the value of the variable `variable_name`. An object that is not filled in yet is omitted. What
cannot be hydrated, or is not to be yet, is a `Placeholder`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, cast

from pydantic import BaseModel, Field

from prefect._lazy import lazy
from prefect.schemas.wire import checks
from prefect.types import json_codec

if TYPE_CHECKING:
    from prefect.form_values import bounded_templates
else:
    bounded_templates = lazy("prefect.form_values.bounded_templates")

KIND = "__prefect_kind"


class HydrationContext(BaseModel):
    """The objects that values are hydrated with.

    Attributes:
        workspace_variables: The values of variables by name.
        render_workspace_variables: Whether to replace variables by their values.
        raise_on_error: Whether to raise what cannot be hydrated, instead of putting it in the place of the value.
        render_jinja: Whether to render templates.
        jinja_context: The variables of templates.
    """

    workspace_variables: dict[str, Any] = Field(default_factory=dict)
    render_workspace_variables: bool = False
    raise_on_error: bool = False
    render_jinja: bool = False
    jinja_context: dict[str, Any] = Field(default_factory=dict)


class Placeholder:
    """Stands for a value that is not there."""

    @property
    def is_error(self) -> bool:
        """Whether the placeholder is an error."""
        return False

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash((type(self), *map(repr, vars(self).values())))


class RemoveValue(Placeholder):
    """A value that is omitted."""


class ValidJinja(Placeholder):
    """A template that has not been rendered."""

    def __init__(self, template: str) -> None:
        self.template = template


class WorkspaceVariable(Placeholder):
    """A variable that has not been replaced by its value."""

    def __init__(self, variable_name: str) -> None:
        self.variable_name = variable_name


class HydrationError(Placeholder, Exception, ABC):
    """A value that cannot be hydrated."""

    def __init__(self, detail: str | None = None) -> None:
        super().__init__()
        self.detail = detail

    __hash__ = Placeholder.__hash__

    @property
    def is_error(self) -> bool:
        return True

    @property
    @abstractmethod
    def message(self) -> str:
        """The error as a sentence."""

    def __str__(self) -> str:
        return self.message


class KeyNotFound(HydrationError):
    """An object lacks a key."""

    key: ClassVar[str]
    """The key."""

    @property
    def message(self) -> str:
        return f"Missing {self.key!r} key in __prefect object"


class ValueNotFound(KeyNotFound):
    """There is no `value`."""

    key = "value"


class TemplateNotFound(KeyNotFound):
    """There is no `template`."""

    key = "template"


class VariableNameNotFound(KeyNotFound):
    """There is no `variable_name`."""

    key = "variable_name"


class InvalidJSON(HydrationError):
    """A text is not valid JSON."""

    @property
    def message(self) -> str:
        return f"Invalid JSON: {self.detail}" if self.detail else "Invalid JSON"


class InvalidJinja(HydrationError):
    """A template cannot be rendered."""

    @property
    def message(self) -> str:
        return f"Invalid jinja: {self.detail}" if self.detail else "Invalid jinja"


class WorkspaceVariableNotFound(HydrationError):
    """There is no such variable."""

    @property
    def variable_name(self) -> str:
        """The name."""
        return self.detail or ""

    @property
    def message(self) -> str:
        return f"Variable {self.variable_name!r} not found in workspace."


def hydrate(obj: Mapping[str, Any], ctx: HydrationContext | None = None) -> dict[str, Any]:
    """Return hydrated values.

    Args:
        obj: Values by name.
        ctx: What they are hydrated with; by default only JSON is.

    Raises:
        HydrationError: A value cannot be hydrated, and the context says to raise that.
    """
    return cast("dict[str, Any]", _hydrate(obj, ctx or HydrationContext()))


def _hydrate(value: Any, ctx: HydrationContext) -> Any:
    if isinstance(value, Mapping):
        if KIND in value:
            found = _hydrate_kind(value, ctx)
            if isinstance(found, HydrationError) and ctx.raise_on_error:
                raise found
            return found
        read = {name: _hydrate(item, ctx) for name, item in value.items()}
        return {name: item for name, item in read.items() if not isinstance(item, RemoveValue)}
    if isinstance(value, list):
        items = [_hydrate(item, ctx) for item in value]
        return [item for item in items if not isinstance(item, RemoveValue)]
    return value


def _hydrate_kind(value: Mapping[str, Any], ctx: HydrationContext) -> Any:
    kind = value[KIND]
    if kind == "json":
        return _parse_json(value)
    if kind == "jinja":
        return _render(value, ctx)
    if kind == "workspace_variable":
        return _find_variable(value, ctx)
    return value["value"] if "value" in value else ValueNotFound()


def _parse_json(value: Mapping[str, Any]) -> Any:
    if "value" not in value:
        return RemoveValue()
    text = value["value"]
    if not isinstance(text, str):
        return text
    try:
        return json_codec.loads_foreign(text.encode())
    except json_codec.JSONDecodeError as error:
        return InvalidJSON(str(error))


def _render(value: Mapping[str, Any], ctx: HydrationContext) -> Any:
    if "template" not in value:
        return TemplateNotFound()
    template = _hydrate(value["template"], ctx)
    if not isinstance(template, str):
        return InvalidJinja("a template must be a text")
    try:
        checks.check_template(template)
        return bounded_templates.render(template, ctx.jinja_context) if ctx.render_jinja else ValidJinja(template)
    except Exception as error:  # a template may fail in any way
        return InvalidJinja(str(error))


def _find_variable(value: Mapping[str, Any], ctx: HydrationContext) -> Any:
    name = value.get("variable_name")
    if not name:
        return RemoveValue()
    if not ctx.render_workspace_variables:
        return WorkspaceVariable(name)
    if not isinstance(name, str) or name not in ctx.workspace_variables:
        return WorkspaceVariableNotFound(str(name))
    return ctx.workspace_variables[name]
