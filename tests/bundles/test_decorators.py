"""The decorators that bind flows to infrastructure."""

from __future__ import annotations

import importlib
import sys

import pytest

from prefect import flow


@flow
def work() -> None: ...


@pytest.mark.parametrize("kind", ["docker", "kubernetes"])
def test_decorator_binds_a_flow_to_its_type_of_pool(kind: str) -> None:
    decorator = getattr(importlib.import_module(f"prefect_{kind}.decorators"), kind)
    bound = decorator(work_pool="pool", image="mine:1")(work)
    assert (bound.work_pool, bound.worker_cls.type, bound.job_variables) == ("pool", kind, {"image": "mine:1"})


@pytest.mark.parametrize("kind", ["docker", "kubernetes"])
def test_former_path_of_a_decorator_warns(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"prefect_{kind}.experimental"
    monkeypatch.delitem(sys.modules, name, raising=False)
    with pytest.warns(DeprecationWarning, match=rf"import `{kind}` from `prefect_{kind}\.decorators`"):
        module = importlib.import_module(name)
    assert callable(getattr(module, kind))
