"""Packing flows into bundles, and taking them out."""

from __future__ import annotations

import base64
import gzip
import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from prefect import flow, tags
from prefect.bundles import create_bundle_for_flow_run, dependencies, extract_flow_from_bundle
from prefect.bundles.creation import BundleError, unpack
from prefect.decorators import process
from prefect.schemas.runs import FlowRun
from prefect.types import new_id

RUN = FlowRun.make(flow_id=new_id())


@flow
def add_one(x: int) -> int:
    return x + 1


def test_bundle_of_a_flow_is_json_that_gives_the_flow_back() -> None:
    with tags("blue"):
        created = create_bundle_for_flow_run(add_one, RUN)
    assert created["zip_path"] is None
    bundle: Any = json.loads(json.dumps(created["bundle"]))
    assert extract_flow_from_bundle(bundle).fn(1) == 2
    assert bundle["flow_run"]["id"] == str(RUN.id)
    assert unpack(bundle["context"], "the context") == {"tags_context": {"current_tags": {"blue"}}}


def test_bundle_of_a_bound_flow_has_the_plain_flow_whose_result_is_stored() -> None:
    bound = process(work_pool="local", env={"A": "1"})(add_one)
    unpacked = extract_flow_from_bundle(create_bundle_for_flow_run(bound, RUN)["bundle"])
    assert not hasattr(unpacked, "work_pool")
    assert unpacked.persist_result is True
    assert bound.with_options(persist_result=False).as_plain_flow().persist_result is False


def test_bundle_holds_no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_KEY", "canary-key")
    bundle = create_bundle_for_flow_run(add_one, RUN)["bundle"]
    for part in (bundle["function"], bundle["context"]):
        assert b"canary-key" not in gzip.decompress(base64.b64decode(part))


def test_bundle_has_the_code_of_modules_that_are_not_installed(tmp_path: Path) -> None:
    (tmp_path / "my_helper.py").write_text("def double(x): return 2 * x\n")
    (tmp_path / "my_flow.py").write_text(
        "import my_helper\nfrom prefect import flow\n@flow\ndef work(x): return my_helper.double(x)\n"
    )
    make = (
        "import json, my_flow; from prefect.bundles import create_bundle_for_flow_run as create; "
        "from prefect.schemas.runs import FlowRun; from prefect.types import new_id; "
        "print(json.dumps(create(my_flow.work, FlowRun.make(flow_id=new_id()))['bundle']))"
    )
    done = subprocess.run([sys.executable, "-c", make], cwd=tmp_path, capture_output=True, text=True, check=True)
    use = (
        "import json, sys; from prefect.bundles import extract_flow_from_bundle as extract; "
        "print(extract(json.load(sys.stdin)).fn(4))"
    )
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    used = subprocess.run(
        [sys.executable, "-c", use], cwd=elsewhere, input=done.stdout, capture_output=True, text=True, check=True
    )
    assert used.stdout == "8\n"


def test_create_bundle_reports_what_cannot_be_pickled() -> None:
    lock = threading.Lock()

    @flow
    def locked() -> None:
        lock.acquire()

    with pytest.raises(BundleError, match=r"The flow 'locked' cannot be pickled: TypeError: cannot pickle"):
        create_bundle_for_flow_run(locked, RUN)


def test_extract_flow_refuses_another_version_of_python() -> None:
    bundle = create_bundle_for_flow_run(add_one, RUN)["bundle"]
    with pytest.raises(BundleError, match=r"made by Python 3\.2, and its infrastructure has Python"):
        extract_flow_from_bundle({**bundle, "python_version": "3.2"})


def test_list_dependencies_names_packages_of_indexes_only() -> None:
    names = [line.partition("==")[0] for line in dependencies.list_dependencies().splitlines()]
    assert "pydantic" in names
    assert "pluperfect" not in names


def test_missing_package_is_installed_when_it_is_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed: list[str] = []

    def install(requirement: str, constraints: str) -> bool:
        installed.append(requirement)
        (tmp_path / "absent_module.py").write_text("value = 7\n")
        monkeypatch.syspath_prepend(tmp_path)
        return True

    monkeypatch.setattr(dependencies, "_install", install)
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path])
    dependencies.provide_missing("absent-dist==1.0\npydantic==0.1", {"absent_module": "absent-dist"})
    assert installed == []
    import absent_module  # pyright: ignore[reportMissingImports]

    assert absent_module.value == 7
    assert installed == ["absent-dist==1.0"]
    monkeypatch.delitem(sys.modules, "absent_module")


def test_failed_installation_is_an_import_error_and_a_log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    failed = subprocess.CompletedProcess([], 1, stdout="no such package")
    monkeypatch.setattr(dependencies.subprocess, "run", lambda *_, **__: failed)
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path])
    dependencies.provide_missing("absent-thing==1.0", {})
    with pytest.raises(ModuleNotFoundError, match="absent_thing"):
        __import__("absent_thing")
    assert "The flow needs absent-thing==1.0, which cannot be installed here: no such package" in caplog.text
