"""A cluster for the tests of this folder, started once."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests import kubernetes_cluster
from tests.kubernetes_cluster import ControlPlane


@pytest.fixture(scope="session")
def plane() -> Iterator[ControlPlane]:
    kubernetes_cluster.need()
    with kubernetes_cluster.run_cluster() as plane:
        yield plane


@pytest.fixture
def namespace(plane: ControlPlane) -> str:
    """Return a namespace of the test's own."""
    return _add_namespace(plane)


@pytest.fixture(scope="module")
def module_namespace(plane: ControlPlane) -> str:
    """Return a namespace of the module's own."""
    return _add_namespace(plane)


def _add_namespace(plane: ControlPlane) -> str:
    name = f"test-{time.monotonic_ns()}"
    plane.add_namespace(name)
    return name
