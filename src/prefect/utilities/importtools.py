"""Public path of imports by name or path, and of deferred imports; see `prefect.loading`."""

from __future__ import annotations

from prefect.exceptions import (
    ScriptError,
)
from prefect.loading.deferred import (
    AliasedModuleDefinition,
    AliasedModuleFinder,
    AliasedModuleLoader,
    DelayedImportErrorModule,
    lazy_import,
)
from prefect.loading.imports import (
    from_qualified_name,
    import_object,
    load_module,
    load_script_as_module,
    to_qualified_name,
)
from prefect.loading.sources import (
    safe_load_namespace,
)

__all__ = [
    "AliasedModuleDefinition",
    "AliasedModuleFinder",
    "AliasedModuleLoader",
    "DelayedImportErrorModule",
    "ScriptError",
    "from_qualified_name",
    "import_object",
    "lazy_import",
    "load_module",
    "load_script_as_module",
    "safe_load_namespace",
    "to_qualified_name",
]
