"""Identifiers use plain words: those in `BANNED_WORDS` must not come back, in no package, test or tool.

An identifier is split at underscores and at capital letters, and compared word by word.
"""

import ast
import functools
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
FOLDERS = ("src", "tests", "tools", "benchmarks", "examples")

# Programs that speak like a user's; their names are the keys of recorded facts.
EXCLUDED = ("tests/compat/scenarios/", "tests/compat/served/", "tests/stories/data/")

# A word, or several in sequence, that no identifier may contain.
BANNED_WORDS = (
    *("told", "tell", "tells", "telling", "teller", "heard", "hear", "said", "says", "given", "asking", "asked"),
    *("come", "comes", "surroundings", "courier", "couriers", "patience", "pace", "beat", "vigilance", "whoever"),
    *("latecomer", "latecomers", "around", "theirs", "ours", "room", "rooms", "house"),
    *(
        "hindrance",
        "hopeless",
        "borne",
        "distrust",
        "keeper",
        "hurry",
        "beside",
        "meanwhile",
        "whatever",
        "somebody",
        "nobody",
    ),
    *("let_in", "let_go", "at_once", "take_back", "give_back", "set_aside"),
)

# Public names of the interface, and of libraries: "identifier" -> why it stays.
PUBLIC_NAMES: dict[str, str] = {
    **dict.fromkeys(("start_of", "end_of"), "methods of `prefect.types.DateTime`, as the interface has them"),
    **dict.fromkeys(("all_of", "any_of", "none_of", "one_of"), "combinators of SQL conditions, standard names"),
}

# Identifiers that are not converted yet: "path" -> names. It may only shrink.
REMAINING: dict[str, set[str]] = {}


def split_words(identifier: str) -> list[str]:
    """Split an identifier into lowercase words."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", identifier)
    return [word.lower() for word in spaced.split("_") if word]


def find_problem(identifier: str, *, is_function: bool = False) -> str | None:
    """Return the banned word in an identifier, or None."""
    words = split_words(identifier)
    if words == ["of"]:
        return "of"
    if is_function and len(words) > 1 and "of" in (words[0], words[-1]):
        return "of"
    joined = f"_{'_'.join(words)}_"
    return next((banned for banned in BANNED_WORDS if f"_{banned}_" in joined), None)


def find_identifiers(tree: ast.AST) -> Iterator[tuple[str, bool]]:
    """Yield each identifier that a module defines, and whether it is a function."""
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield name, True
            case ast.ClassDef(name=name) | ast.MatchAs(name=str(name)) | ast.ExceptHandler(name=str(name)):
                yield name, False
            case ast.arg(arg=name) | ast.alias(asname=str(name)):
                yield name, False
            case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                yield name, False


def list_modules() -> list[tuple[str, Path]]:
    """Return the modules of the repository as their relative path and their path."""
    found = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")]
    names = [(path.relative_to(ROOT).as_posix(), path) for path in found]
    return [(name, path) for name, path in names if not name.startswith(EXCLUDED) and "/." not in name]


@functools.cache
def find_problems() -> dict[str, set[str]]:
    """Return module path to identifiers with a banned word; a module's own name counts too."""
    problems: dict[str, set[str]] = {}
    for name, path in list_modules():
        identifiers = [(path.stem, False), *find_identifiers(ast.parse(path.read_text(encoding="utf-8")))]
        found = {text for text, is_function in identifiers if find_problem(text, is_function=is_function)}
        if found - PUBLIC_NAMES.keys():
            problems[name] = found - PUBLIC_NAMES.keys()
    return problems


def test_identifiers_have_no_banned_words():
    problems = find_problems()
    new = {path: sorted(names - REMAINING.get(path, set())) for path, names in problems.items()}
    assert not {path: names for path, names in new.items() if names}


def test_remaining_identifiers_only_shrink():
    problems = find_problems()
    converted = {path: sorted(names - problems.get(path, set())) for path, names in REMAINING.items()}
    assert not {path: names for path, names in converted.items() if names}, "remove these from REMAINING"


def test_public_names_are_in_use():
    used = {text for _, path in list_modules() for text, _ in find_identifiers(ast.parse(path.read_text()))}
    assert not PUBLIC_NAMES.keys() - used


@pytest.mark.parametrize(
    ("identifier", "is_function", "problem"),
    [
        ("told", False, "told"),
        ("TaskTeller", False, "teller"),
        ("ROWS_AT_ONCE", False, "at_once"),
        ("_let_in", True, "let_in"),
        ("of", False, "of"),
        ("name_of", True, "of"),
        ("of_run", True, "of"),
        ("out_of_order", True, None),
        ("number_of", False, None),
        ("HeartbeatPaced", False, None),
        ("namespace", False, None),
    ],
)
def test_find_problem(identifier: str, is_function: bool, problem: str | None):
    assert find_problem(identifier, is_function=is_function) == problem
