"""Lazy modules import once, show what others change in them, and are not loaded by what scans all modules."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
import types
from collections.abc import Generator
from pathlib import Path
from typing import Any
from unittest import mock

import anyio
import pytest

from prefect import runtime
from prefect._lazy import LazyModule, lazy, lazy_from, lazy_modules
from prefect.utilities import processutils


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[str]:
    """The name of a module that is not imported yet."""
    name = "lazily_imported"
    (tmp_path / f"{name}.py").write_text("LIMIT = 1\ndef read():\n    return 'read'\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield name
    sys.modules.pop(name, None)


def bind(module: str) -> dict[str, Any]:
    """Return the globals of a module that binds `module` lazily."""
    names = {"__name__": "binder", "lazy": lazy}
    exec(f"target = lazy({module!r})\ndef read(): return target.read()", names)
    return names


def test_lazy_module_is_replaced_by_the_module_at_first_use(module: str):
    names = bind(module)
    assert isinstance(names["target"], LazyModule) and module not in sys.modules
    assert names["read"]() == "read"
    assert names["target"] is sys.modules[module]


def test_lazy_modules_and_lazy_from_bind_several_modules(module: str, tmp_path: Path):
    package = tmp_path / "package"
    package.mkdir()
    for name in ("first", "second"):
        (package / f"{name}.py").write_text(f"NAME = {name!r}\n")
    names: dict[str, Any] = {"__name__": "binder", "lazy_from": lazy_from}
    names["lazy_modules"] = lazy_modules
    exec("a, b = lazy_from('package', 'first', 'second')", names)
    exec("c, d = lazy_modules('package.first', 'package.second')", names)
    assert "package" not in sys.modules
    assert (names["a"].NAME, names["b"].NAME) == ("first", "second")
    assert names["b"] is sys.modules["package.second"]
    assert (names["c"].NAME, names["d"].NAME) == ("first", "second")


def test_patched_function_is_seen_after_first_use(module: str):
    names = bind(module)
    names["read"]()
    with mock.patch(f"{module}.read", return_value="patched"):
        assert names["read"]() == "patched"
    assert names["read"]() == "read"


def test_copied_lazy_module_forwards_each_access(module: str):
    copied = bind(module)["target"]
    assert (copied.read(), copied.LIMIT) == ("read", 1)
    with mock.patch(f"{module}.read", return_value="patched"):
        assert copied.read() == "patched"
    copied.LIMIT = 2
    assert sys.modules[module].LIMIT == 2
    del copied.LIMIT
    assert not hasattr(sys.modules[module], "LIMIT")


@pytest.mark.parametrize("name", ["__file__", "__path__", "__wrapped__", "__code__"])
def test_lazy_module_is_not_loaded_by_scans(module: str, name: str):
    proxy = bind(module)["target"]
    assert not hasattr(proxy, name)
    assert "LIMIT" not in dir(proxy) and inspect.getmembers(proxy)
    assert module not in sys.modules


async def test_patched_anyio_function_is_called_after_first_use():
    async with processutils.open_process([sys.executable, "-c", ""]) as process:
        await process.wait()
    with (
        mock.patch.object(anyio, "open_process", side_effect=OSError("patched")),
        pytest.raises(OSError, match="patched"),
    ):
        async with processutils.open_process(["x"]):
            pass


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_scan_of_all_modules_imports_nothing():
    assert run(
        "import inspect, sys\n"
        "import prefect, prefect.runtime, prefect.settings, prefect.client.schemas\n"
        "from prefect import flow, task\n"
        "before = set(sys.modules)\n"
        "for module in list(sys.modules.values()):\n"
        "    if module.__name__.startswith('prefect'):\n"
        "        inspect.getmembers(module)\n"
        "        for name in dir(module):\n"
        "            hasattr(getattr(module, name), '__wrapped__')\n"
        "        hasattr(module, '__unknown__'), hasattr(module, 'unknown')\n"
        "print(sorted(name for name in set(sys.modules) - before if name.startswith('prefect')))"
    ) in ("[]", "['prefect.settings.legacy']")


FAKE = (
    "import datetime, sys\n"
    "import prefect\n"
    "from prefect import flow\n"
    "class Meta(type):\n"
    "    def __instancecheck__(cls, obj): return isinstance(obj, real)\n"
    "real = datetime.datetime\n"
    "class Fake(real, metaclass=Meta):\n"
    "    pass\n"
    "datetime.datetime = Fake\n"
    "assert 'prefect.schemas.runs' not in sys.modules\n"
)


def test_schema_that_is_loaded_while_time_is_replaced_has_the_real_types():
    printed = run(
        f"{FAKE}"
        "from prefect.client.schemas import objects\n"
        "run = objects.FlowRun\n"
        "assert datetime.datetime is Fake\n"
        "datetime.datetime = real\n"
        "built = run.model_validate({'flow_id': '00000000-0000-0000-0000-000000000001',"
        " 'start_time': '2020-01-01T00:00:00Z'})\n"
        "print(type(built.start_time) is real, 'Fake' in repr(run.model_fields['created']))"
    )
    assert printed == "True False"


def test_module_that_is_loaded_while_time_is_replaced_uses_the_replaced_time():
    assert (
        run(
            f"{FAKE}"
            "Fake.now = classmethod(lambda cls, tz=None: 'fake time')\n"
            "sys.modules.pop('prefect.types', None)\n"
            "from prefect._lazy import load\n"
            "print(load('prefect.types').now())"
        )
        == "fake time"
    )


def test_runtime_attribute_that_cannot_be_read_is_an_attribute_error(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(runtime.flow_run.FIELDS, "name", mock.Mock(side_effect=IndexError("broken")))
    with pytest.raises(AttributeError, match=r"prefect\.runtime\.flow_run\.name cannot be read: broken"):
        _ = runtime.flow_run.name
    assert isinstance(runtime.flow_run, types.ModuleType)


@pytest.mark.parametrize("how", ["monkeypatch", "mock"])
def test_patch_of_a_copied_proxy_is_undone(how: str) -> None:
    namespace: dict[str, object] = {}
    copied = LazyModule("json", namespace)
    original = json.dumps
    if how == "monkeypatch":
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(copied, "dumps", len)
            assert json.dumps is len
    else:
        with mock.patch.object(copied, "dumps", len):
            assert json.dumps is len
    assert json.dumps is original
