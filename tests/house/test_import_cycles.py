"""The count of import cycles can fail, and sees what a plain search for imports would miss."""

import pytest

from tools import import_cycles, sizes


def test_there_are_no_more_import_cycles_than_recorded() -> None:
    assert list(sizes.cycle_complaints(import_cycles.find_cycles(import_cycles.read_graph()))) == []


@pytest.mark.parametrize(
    ("graph", "cycles"),
    [
        ({"a": {"b"}, "b": {"c"}, "c": set()}, []),
        ({"a": {"b"}, "b": {"a"}, "c": {"a"}}, [["a", "b"]]),
        ({"a": {"b"}, "b": {"c"}, "c": {"a", "d"}, "d": {"e"}, "e": {"d"}}, [["a", "b", "c"], ["d", "e"]]),
        ({"a": {"a"}}, []),
    ],
)
def test_find_cycles_returns_strongly_connected_components(graph: dict[str, set[str]], cycles: list[list[str]]) -> None:
    assert import_cycles.find_cycles(graph) == cycles


def test_graph_has_lazy_and_type_only_imports_but_not_the_facades() -> None:
    graph = import_cycles.read_graph()

    assert "prefect.engine.shells" in graph["prefect._flow"]  # bound with `lazy`
    assert "prefect.results.store" not in graph["prefect.results"]  # named by `exports`
    assert "prefect" not in graph


def test_more_and_fewer_cycles_than_recorded_are_complaints(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sizes, "IMPORT_CYCLES", 1)

    assert list(sizes.cycle_complaints([["a", "b"]])) == []
    assert "a <-> b" in next(sizes.cycle_complaints([["a", "b"], ["c", "d"]]))
    assert "lower IMPORT_CYCLES" in next(sizes.cycle_complaints([]))
