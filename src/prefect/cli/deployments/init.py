"""`prefect init`: start a project with a prefect.yaml."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from prefect._lazy import lazy_from
from prefect.cli.core.command import command as declare
from prefect.cli.core.command import multiple_option
from prefect.cli.core.output import fail, is_interactive

if TYPE_CHECKING:
    from prefect.deployments import base, recipes
else:
    base, recipes = lazy_from("prefect.deployments", "base", "recipes")


@declare("init")
@click.option("--name", metavar="NAME", help="Name of the project; that of the directory by default.")
@click.option("--recipe", metavar="NAME", help="Storage of the code: local, git, docker, s3 ...")
@multiple_option("--field", "-f", "fields", metavar="NAME=VALUE", help="Value that the recipe needs")
def command(name: str | None, recipe: str | None, fields: tuple[str, ...]) -> None:
    """Start a project in this directory: write a prefect.yaml and a .prefectignore."""
    inputs = dict(_parse_field(text) for text in fields)
    if recipe is None and is_interactive():
        recipe = _ask_recipe()
    if recipe is not None:
        inputs |= _find_missing_inputs(recipe, inputs)
    written = base.initialize_project(name=name, recipe=recipe, inputs=inputs)
    if not written:
        return click.echo("This directory has a prefect.yaml and a .prefectignore already; nothing was written.")
    click.echo(f"Wrote {' and '.join(written)}.")
    return click.echo("Describe your deployments in prefect.yaml, then run: prefect deploy --all")


def _parse_field(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        fail(f"--field expects NAME=VALUE, got {text!r}.")
    return name, value


def _ask_recipe() -> str:
    click.echo("Where is the code of your flows kept?", err=True)
    for name, recipe in recipes.RECIPES.items():
        click.echo(f"  {name:<13} {recipe.description}", err=True)
    return click.prompt("Recipe", type=click.Choice(list(recipes.RECIPES)), default="local", err=True)


def _find_missing_inputs(recipe: str, inputs: dict[str, str]) -> dict[str, str]:
    """Ask for what a recipe needs and was not passed."""
    if recipe not in recipes.RECIPES:
        fail(f"There is no recipe {recipe!r}. There is: {', '.join(recipes.RECIPES)}.")
    required = recipes.RECIPES[recipe].required_inputs
    missing = [name for name in required if name not in inputs]
    if missing and not is_interactive():
        options = " ".join(f"--field {name}=..." for name in missing)
        fail(f"The recipe {recipe!r} needs more: pass {options}")
    return {name: click.prompt(required[name], err=True) for name in missing}
