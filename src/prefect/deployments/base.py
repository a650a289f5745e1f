"""Start a project: a `prefect.yaml` by a recipe, and a `.prefectignore`."""

from __future__ import annotations

import io
import subprocess
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap

from prefect._version import __version_info__
from prefect.deployments.recipes import RECIPES
from prefect.runner.git.commands import split_login
from prefect.values import templates
from prefect.values.annotations import NotSet

_HEADER = """\
The deployments of this project. `prefect deploy` creates and updates them as this file says; `prefect deploy --plan`
shows what it would do."""

_COMMENTS = {
    "build": "Steps that `prefect deploy` runs first, for instance to build an image.",
    "push": "Steps that store what was built, or the code.",
    "pull": "Steps that fetch the code before each run.",
    "deployments": "One entry for each deployment; `build`, `push` and `pull` in an entry replace those above.",
}

_IGNORED = """\
# What push steps do not copy; the syntax is that of .gitignore.
.git/
.prefect/
.venv/
__pycache__/
*.py[cod]
.ipynb_checkpoints/
.pytest_cache/
.mypy_cache/
.ruff_cache/
.env
"""


def configure_project_by_recipe(recipe: str, **formatting_kwargs: Any) -> dict[str, Any] | type[NotSet]:
    """Return the content of a prefect.yaml by a recipe.

    Args:
        recipe: The name of the recipe.
        formatting_kwargs: Values of its placeholders; others stay.

    Raises:
        ValueError: There is no such recipe.
    """
    if recipe not in RECIPES:
        raise ValueError(f"Unknown recipe {recipe!r} provided. There is: {', '.join(sorted(RECIPES))}.")
    found = RECIPES[recipe]
    contents = {**found.to_contents(), "description": found.description, "required_inputs": dict(found.required_inputs)}
    return templates.apply_values(contents, formatting_kwargs, remove_notset=False)


def create_default_prefect_yaml(path: str, name: str | None = None, contents: dict[str, Any] | None = None) -> bool:
    """Write a prefect.yaml, unless there is one.

    Args:
        path: The directory.
        name: The name of the project; that of the directory if None.
        contents: The content; by default that of the recipe `local`.

    Returns:
        Whether it was written.
    """
    file = Path(path) / "prefect.yaml"
    if contents is None:
        own = configure_project_by_recipe("local", directory=str(Path(path).absolute()))
        assert isinstance(own, dict)
        contents = own
    values = CommentedMap(
        {**contents, "name": name or Path(path).absolute().name, "prefect-version": __version_info__["version"]}
    )
    for key in ("description", "required_inputs"):
        values.pop(key, None)
    values.yaml_set_start_comment(_HEADER)
    for key, comment in _COMMENTS.items():
        if key in values:
            values.yaml_set_comment_before_after_key(key, before=f"\n{comment}")
    writer = YAML(typ="rt", pure=True)
    writer.representer.add_representer(type(None), _write_null)
    stream = io.StringIO()
    writer.dump(values, stream)
    return _write_new(file, stream.getvalue())


def initialize_project(
    name: str | None = None, recipe: str | None = None, inputs: dict[str, Any] | None = None
) -> list[str]:
    """Start a project in the working directory.

    Args:
        name: Its name; that of the directory if None.
        recipe: Where its code is kept; `git` in a clone of a repository, else `local`, if None.
        inputs: Values of the recipe's placeholders.

    Returns:
        The files that were written; those that were there are left as they are.

    Raises:
        ValueError: There is no such recipe.
    """
    directory = Path.cwd()
    known = {
        "name": name or directory.name,
        "directory": str(directory),
        "folder": name or directory.name,
        "dockerfile": "auto",
        **_read_repository(),
    }
    recipe = recipe or ("git" if known.get("repository") else "local")
    contents = configure_project_by_recipe(recipe, **{**known, **(inputs or {})})
    assert isinstance(contents, dict)
    written: list[str] = []
    if _write_new(directory / ".prefectignore", _IGNORED):
        written.append(".prefectignore")
    if create_default_prefect_yaml(".", name=name, contents=contents):
        written.append("prefect.yaml")
    return written


def _read_repository() -> dict[str, str]:
    """Return the address and branch of the git repository that the working directory is in, if it has any."""

    def ask(*arguments: str) -> str:
        try:
            done = subprocess.run(["git", *arguments], capture_output=True, text=True)
        except OSError:
            return ""
        return done.stdout.strip() if done.returncode == 0 else ""

    repository, branch = ask("config", "--get", "remote.origin.url"), ask("rev-parse", "--abbrev-ref", "HEAD")
    if not repository:
        return {}
    return {"repository": split_login(repository)[0], "branch": branch or "main"}


def _write_new(path: Path, text: str) -> bool:
    """Write a file unless there is one, and return whether it was written."""
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        return False
    return True


def _write_null(representer: Any, value: None) -> Any:
    return representer.represent_scalar("tag:yaml.org,2002:null", "null")
