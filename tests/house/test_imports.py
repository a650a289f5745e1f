"""Names that programs import exist: those of the documentation and integrations of Prefect 3, and all exports."""

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import prefect
from prefect import _later

DOCUMENTED = (Path(__file__).parent / "data" / "documented-imports.txt").read_text().split()
INTEGRATED = (Path(__file__).parent / "data" / "integration-imports.txt").read_text().split()
PROGRAMS = (Path(__file__).parent / "data" / "program-imports.txt").read_text().split()
"""Names that other public programs and plugins import."""
UNBUILT = _later.Unbuilt().modules
SOURCE = Path(prefect.__file__).parent
FACADES = sorted(
    ".".join(("prefect", *path.relative_to(SOURCE).with_suffix("").parts)).removesuffix(".__init__")
    for path in SOURCE.rglob("*.py")
    if "= exports(" in path.read_text(encoding="utf-8")
)
PUBLIC_UTILITIES = {
    *("annotations", "asyncutils", "callables", "collections", "compat", "context", "dispatch", "dockerutils"),
    *("engine", "filesystem", "generics", "hashing", "importtools", "math", "names", "processutils", "pydantic"),
    *("render_swagger", "schema_tools", "services", "slugify", "templating", "text", "timeout", "urls"),
    "visualization",
}


@pytest.mark.parametrize("line", [*DOCUMENTED, *sorted({*INTEGRATED, *PROGRAMS} - {*DOCUMENTED})])
def test_documented_name_can_be_imported(line):
    module, _, name = line.partition(":")
    namespace = {}
    exec(f"from {module} import {name}", namespace)
    assert name in namespace


@pytest.mark.parametrize("facade", FACADES)
def test_exports_of_facade_exist(facade):
    module = importlib.import_module(facade)
    missing = [name for name in [*getattr(module, "__all__", ()), *dir(module)] if not hasattr(module, name)]
    assert not missing


@pytest.mark.parametrize("facade", FACADES)
def test_facade_declares_exports_for_type_checkers(facade):
    module = importlib.import_module(facade)
    table = module._EXPORTS if "_EXPORTS" in vars(module) else module.EXPORTS
    shown = {}
    for node in ast.walk(ast.parse(Path(module.__file__).read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            shown |= {alias.asname or alias.name: alias.name for alias in node.names}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            shown[node.target.id] = node.target.id  # a name that is not built yet
    if "*" in shown:
        return  # all of another facade
    exported = dict(entry.split("=") if "=" in entry else (entry, entry) for entry in " ".join(table.values()).split())
    assert exported.items() <= shown.items()


def test_utilities_has_the_modules_of_the_interface_only():
    defined = {path.stem for path in (SOURCE / "utilities").glob("*.py") if not path.stem.startswith("_")}
    assert defined <= PUBLIC_UTILITIES


@pytest.mark.parametrize("module", UNBUILT)
def test_implemented_module_is_not_in_later_table(module):
    path = SOURCE.joinpath(*module.split(".")[1:])
    assert not path.with_suffix(".py").exists() and not path.is_dir(), f"take {module} out of prefect._later"


@pytest.mark.parametrize("module", UNBUILT)
def test_planned_module_can_be_imported(module):
    assert importlib.import_module(module).__all__ == UNBUILT[module][1]


class TestPlannedNames:
    def test_function_call_names_the_feature(self):
        from prefect.infrastructure.provisioners import get_infrastructure_provisioner_for_work_pool_type

        with pytest.raises(NotImplementedError, match=r"infrastructure will come in a later release"):
            get_infrastructure_provisioner_for_work_pool_type()

    def test_class_instantiation_and_attributes_name_the_feature(self):
        from prefect.infrastructure.provisioners import Provisioner

        with pytest.raises(NotImplementedError, match="runners"):
            Provisioner(name="x")
        with pytest.raises(NotImplementedError, match=r"Provisioner"):
            Provisioner.get("x")

    def test_subclass_instantiation_names_the_feature(self):
        from prefect.infrastructure.provisioners import Provisioner

        class Mine(Provisioner):
            name: str = "x"

        with pytest.raises(NotImplementedError, match="workers and infrastructure will come in a later release"):
            Mine(name="y")
        with pytest.raises(NotImplementedError):
            Mine.get("?")

    def test_class_can_be_inspected_and_used_as_type_hint(self):
        from prefect.signatures.validation import get_validator
        from prefect.telemetry.run_telemetry import RunTelemetry

        def fn(telemetry: RunTelemetry | None = None, x: int = 1): ...

        assert not hasattr(RunTelemetry, "anything")
        assert RunTelemetry.__doc__ and "later release" in RunTelemetry.__doc__
        assert get_validator(fn)({"x": "2"}) == {"telemetry": None, "x": 2}

    def test_class_can_be_the_type_of_a_field(self):
        from pydantic import BaseModel, ValidationError

        from prefect.telemetry.run_telemetry import RunTelemetry

        class Model(BaseModel):
            telemetry: RunTelemetry | None = None
            more: list[RunTelemetry] = []

        assert Model().telemetry is None
        with pytest.raises(ValidationError, match="instance of RunTelemetry"):
            Model(telemetry="x")

    def test_what_is_missing_is_a_value_error_too(self):
        from prefect.telemetry.run_telemetry import RunTelemetry

        with pytest.raises(ValueError, match="RunTelemetry"):
            RunTelemetry()

    def test_name_is_one_object_in_all_modules(self):
        from prefect.workers import ProcessWorker
        from prefect.workers.process import ProcessWorker as same

        assert ProcessWorker is same

    def test_unknown_module_is_missing(self):
        with pytest.raises(ModuleNotFoundError):
            importlib.import_module("prefect.nonsense")
        with pytest.raises(ImportError):
            exec("from prefect.variables import nonsense")


def test_import_prefect_imports_nothing_heavy():
    heavy = {
        "pydantic",
        "asyncio",
        "logging.config",
        "yaml",
        "rich",
        "sqlite3",
        "sqlalchemy",
        "jinja2",
        "httpx",
        "anyio",
    }
    code = f"import sys, prefect; print(sorted({heavy} & set(sys.modules)))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "[]"


@pytest.mark.parametrize(
    "module",
    [
        *("signatures.calls", "signatures.parameters", "types.enums", "types.slugs", "utilities.callables"),
        *("utilities.collections", "utilities.text", "values.annotations", "values.hashing", "values.traversal"),
    ],
)
def test_modules_of_the_run_path_import_nothing_heavy(module):
    heavy = {"pydantic", "pydantic_core", "asyncio", "inspect", "anyio", "yaml"}
    code = f"import sys, prefect.{module}; print(sorted({heavy} & set(sys.modules)))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "[]"


def test_version_numbers():
    assert prefect.__version__ == "3.9.1"
    assert prefect.__pluperfect_version__ != prefect.__version__


def test_version_information():
    assert prefect.__version_info__["version"] == prefect.__version__
    assert prefect.__version_info__["full-revisionid"][:8] == "unknown"
    assert Path(prefect.__file__).parent == prefect.__module_path__


@pytest.mark.parametrize("name", ["visualize", "deploy", "to_deployment", "from_source"])
def test_dual_methods_of_flows_have_their_async_form(name):
    assert callable(getattr(prefect.flow(lambda: 1, name="made"), name).aio)
