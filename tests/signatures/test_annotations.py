"""Reading annotations and signatures that contain undefined names."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

from prefect.signatures.annotations import read_annotations, read_signature


def plain(x: int, *, y: str = "") -> None: ...


def test_read_annotations_returns_the_source_text() -> None:
    assert read_annotations(plain) == {"x": "int", "y": "str", "return": "None"}
    assert read_annotations(object()) == {}


def test_read_signature_returns_the_signature() -> None:
    assert list(read_signature(plain).parameters) == ["x", "y"]
    with pytest.raises(ValueError, match="signature"):
        read_signature(type)


def test_read_annotations_ignores_undefined_names() -> None:
    """Uses a separate program: annotations are deferred since Python 3.14, and quoted before that."""
    hint = "missing.Thing" if sys.version_info >= (3, 14) else "'missing.Thing'"
    program = f"""
    from prefect.signatures.annotations import read_annotations, read_signature
    def fn(x: int, y: {hint} = None): ...
    print(read_annotations(fn)["x"], *read_annotations(fn), *read_signature(fn).parameters)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, check=True
    ).stdout
    assert done.strip() == "<class 'int'> x y x y"
