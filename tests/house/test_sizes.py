"""The size limits of `tools/sizes.py`."""

from tools import sizes


def test_source_is_within_the_limits(capsys):
    assert sizes.main() == 0, capsys.readouterr().out


def test_complaints_report_long_files():
    assert list(sizes.complaints({"a.py": (501, 500), "b.py": (500, 500)}, {})) == [
        "a.py has 501 lines, more than 500: split it"
    ]


def test_exceptions_may_only_shrink():
    measured = {"grown.py": (520, 500), "shrunk.py": (505, 500), "fine.py": (400, 500), "exact.py": (511, 500)}
    exceptions = {"grown.py": 510, "shrunk.py": 510, "fine.py": 510, "exact.py": 511, "gone.py": 510}
    named = [complaint.split(" ")[0] for complaint in sizes.complaints(measured, exceptions)]
    assert sorted(named) == ["fine.py", "gone.py", "grown.py", "shrunk.py"]


def test_complaints_report_packages_with_many_modules():
    counts = {"src/a": 18, "src/b": 17, "src/large": 30, "src/shrunk": 3}
    assert list(sizes.package_complaints(counts, ["src/large", "src/shrunk"])) == [
        "src/a has 18 modules, more than 17: group them by domain",
        "src/shrunk needs no exception any more: remove it from tools/sizes.py",
    ]


def test_docstrings_do_not_count(tmp_path, monkeypatch):
    monkeypatch.setattr(sizes, "ROOT", tmp_path)
    source = "def f():\n    '''" + "\n" * 70 + "    '''\n    return 1\n"
    (tmp_path / "a.py").write_text(source)
    assert list(sizes.measure(tmp_path / "a.py"))[1] == ("a.py::f", 1, sizes.FUNCTION_LINES)
