"""Plugins: marking hooks, loading them by entry points, setting up the environment."""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import sys
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from prefect import plugins
from prefect.plugins import HookContext, SetupResult, register_hook
from prefect.settings import temporary_settings

CONTEXT = HookContext(prefect_version="3.9.1", api_url=None, logger_factory=logging.getLogger)
ENABLED: dict[Any, Any] = {"PREFECT_PLUGINS_ENABLED": True}


class Plugin:
    @register_hook
    def setup_environment(self, *, ctx: HookContext) -> SetupResult:
        return SetupResult({"MADE_BY_PLUGIN": ctx.prefect_version, "API_TOKEN": "secret"}, note="done")


class Broken:
    @register_hook(specname="setup_environment")
    async def prepare(self, *, ctx: HookContext) -> None:
        raise ValueError("no credentials")


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two plugins and one that cannot be imported."""
    objects = {"good": Plugin(), "broken": Broken(), "missing": ImportError("gone")}
    monkeypatch.setattr(plugins, "safe_load_entrypoints", lambda _: objects)
    for name in ("MADE_BY_PLUGIN", "API_TOKEN"):
        monkeypatch.setenv(name, "before")


def run_hooks(**settings: Any) -> list[plugins.SetupSummary]:
    with temporary_settings({**ENABLED, **settings}):
        return asyncio.run(plugins.run_startup_hooks(CONTEXT))


def test_setup_sets_variables_and_hides_secrets(caplog: pytest.LogCaptureFixture):
    good, broken = run_hooks()
    assert os.environ["MADE_BY_PLUGIN"] == "3.9.1" and os.environ["API_TOKEN"] == "secret"
    assert good.env_preview == {"MADE_BY_PLUGIN": "3.9.1", "API_TOKEN": "••••••"} and good.note == "done"
    assert broken.error == "ValueError: no credentials"
    assert "'missing' cannot be loaded" in caplog.text


def test_plugins_are_chosen_by_settings():
    assert [each.plugin for each in run_hooks(PREFECT_PLUGINS_DENY="broken")] == ["good"]
    assert [each.plugin for each in run_hooks(PREFECT_PLUGINS_ALLOW="broken")] == ["broken"]
    assert run_hooks(PREFECT_PLUGINS_SAFE_MODE=True) == []
    assert run_hooks(PREFECT_PLUGINS_ENABLED=False) == []


def test_failing_plugin_ends_the_program_in_strict_mode():
    with pytest.raises(SystemExit, match="'broken' failed: ValueError: no credentials"):
        run_hooks(PREFECT_PLUGINS_STRICT=True)


def test_plugin_that_takes_too_long_fails(monkeypatch: pytest.MonkeyPatch):
    @register_hook
    async def setup_environment(*, ctx: HookContext) -> None:
        await asyncio.Event().wait()

    slow = SimpleNamespace(setup_environment=setup_environment)
    monkeypatch.setattr(plugins, "safe_load_entrypoints", lambda _: {"slow": slow})
    (summary,) = run_hooks(PREFECT_PLUGINS_SETUP_TIMEOUT_SECONDS=0.01)
    assert summary.error is not None and "TimeoutError" in summary.error


def test_entry_points_that_cannot_be_loaded_are_exceptions(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.undo()
    group = EntryPoints(
        EntryPoint(name, value, "group") for name, value in (("json", "json:dumps"), ("none", "no_such_module"))
    )
    loaded = plugins.safe_load_entrypoints(group)
    assert callable(loaded["json"]) and isinstance(loaded["none"], ModuleNotFoundError)


def test_collections_are_loaded_once(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(plugins, "_collections", None)
    loaded = plugins.load_prefect_collections()
    assert plugins.load_prefect_collections() is loaded
    assert plugins.load_prefect_collections(reload=True) is not None


STARTS = """
import os
from prefect.plugins import SetupResult, register_hook

@register_hook
def setup_environment(*, ctx):
    import prefect.flows
    return SetupResult({"MADE_BY_PLUGIN": ctx.prefect_version}, required=True)
"""
FAILS = STARTS.replace("import prefect.flows", "raise ValueError('no credentials')")


@pytest.mark.parametrize(
    ("code", "variables", "printed"),
    [
        (STARTS, {}, "None"),
        (STARTS, {"PREFECT_PLUGINS_ENABLED": "false"}, "None"),
        (STARTS, {"PREFECT_PLUGINS_ENABLED": "true"}, "3.9.1"),
        (STARTS, {"PREFECT_EXPERIMENTS_PLUGINS_ENABLED": "1"}, "3.9.1"),
        (FAILS, {"PREFECT_PLUGINS_ENABLED": "true"}, "None"),
    ],
)
def test_startup_hooks_are_called_at_import(tmp_path: Path, code: str, variables: dict[str, str], printed: str):
    done = import_with_plugin(tmp_path, code, variables)
    assert (done.returncode, done.stdout.strip()) == (0, printed), done.stderr


def import_with_plugin(place: Path, code: str, variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
    (place / "a_plugin.py").write_text(code)
    metadata = place / "a_plugin-1.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: a-plugin\nVersion: 1\n")
    (metadata / "entry_points.txt").write_text("[prefect.plugins]\na = a_plugin\n")
    environment = {"PATH": os.environ["PATH"], "PREFECT_HOME": str(place), "PYTHONPATH": str(place), **variables}
    program = "import prefect, os; print(os.environ.get('MADE_BY_PLUGIN'))"
    return subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=50)
