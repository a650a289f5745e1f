"""Public path of hydrating values; see `prefect.form_values.hydration`."""

from prefect.form_values.hydration import (
    HydrationContext,
    HydrationError,
    InvalidJinja,
    InvalidJSON,
    KeyNotFound,
    Placeholder,
    RemoveValue,
    TemplateNotFound,
    ValidJinja,
    ValueNotFound,
    VariableNameNotFound,
    WorkspaceVariable,
    WorkspaceVariableNotFound,
    hydrate,
)

__all__ = [
    "HydrationContext",
    "HydrationError",
    "InvalidJSON",
    "InvalidJinja",
    "KeyNotFound",
    "Placeholder",
    "RemoveValue",
    "TemplateNotFound",
    "ValidJinja",
    "ValueNotFound",
    "VariableNameNotFound",
    "WorkspaceVariable",
    "WorkspaceVariableNotFound",
    "hydrate",
]
