"""`prefect profile`: manage profiles of settings."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from prefect._lazy import lazy_from
from prefect.cli.core.command import group, output_option, positional
from prefect.cli.core.formats import Cell
from prefect.cli.core.output import confirm, fail, is_terminal, print_json, print_notice, style

if TYPE_CHECKING:
    from prefect.settings import constants, context, profiles
    from prefect.settings.profiles import Profile, ProfilesCollection
else:
    constants, context, profiles = lazy_from("prefect.settings", "constants", "context", "profiles")

MASKED_VALUE = "********"

command = group("profile", "Manage profiles of settings.")


@command.command("ls")
@output_option
def ls(output: str | None) -> None:
    """List profiles."""
    current = context.get_settings_context().profile_name
    names = list(profiles.load_profiles())
    if output:
        return print_json([{"name": name, "active": name == current} for name in names])
    for name in names:
        active = name == current
        click.echo(style(Cell(f"* {name}" if active else f"  {name}"), "green" if active else None))
    if is_terminal():
        click.echo(style("* is the active profile.", "bright_black"))


@command.command("create")
@positional("name", help="Pass the name of the new profile.")
@click.option("--from", "from_name", metavar="NAME", help="Profile to copy.")
def create(name: str, from_name: str | None) -> None:
    """Create a profile."""
    user_profiles = profiles.load_profiles(include_defaults=False)
    if name in user_profiles.names:
        fail(f"There is already a profile {name!r}; `prefect profile delete {name!r}` removes it.")
    settings = profiles.load_profile(from_name).settings if from_name else {}
    user_profiles.add_profile(profiles.Profile(name=name, settings=settings))
    profiles.save_profiles(user_profiles)
    click.echo(f"Created profile {name!r}{f' from {from_name!r}' if from_name else ''}.")
    click.echo(f"Use it from now on: prefect profile use {name!r}")
    click.echo(f"Use it once: prefect -p {name!r} config view")


@command.command("use")
@positional("name", help="Pass the name of a profile.")
def use(name: str) -> None:
    """Activate a profile."""
    chosen = profiles.load_profile(name)
    user_profiles = profiles.load_profiles(include_defaults=False)
    user_profiles.set_active(name, check=False)
    profiles.save_profiles(user_profiles)
    if os.environ.get("PREFECT_PROFILE", name) != name:
        print_notice(
            f"PREFECT_PROFILE is {os.environ['PREFECT_PROFILE']!r} in the environment, which takes precedence."
        )
    with context.use_profile(chosen) as chosen_context:
        url = chosen_context.settings.api.url
        home = chosen_context.settings.home
    click.echo(f"Profile {name!r} is now active.")
    click.echo(f"Runs go to the server at {url}." if url else f"Runs are recorded in {home}.")


@command.command("inspect")
@positional("name", required=False, help="Pass the name of a profile; the active one is the default.")
@output_option
def inspect(name: str | None, output: str | None) -> None:
    """Show the settings of a profile."""
    if name is None:
        name = context.get_settings_context().profile_name
        if not output:
            print_notice(f"No profile named; showing the active profile {name!r}.")
    profile = profiles.load_profile(name)
    shown = {
        setting.name: MASKED_VALUE if setting.is_secret else str(value)
        for setting, value in profile.settings.items()
        if value is not None
    }
    if output:
        return print_json(shown)
    if not shown:
        return click.echo(f"Profile {name!r} is empty.")
    for key, value in shown.items():
        click.echo(f"{key}={value!r}")


@command.command("delete")
@positional("name", help="Pass the name of a profile.")
def delete(name: str) -> None:
    """Delete a profile."""
    user_profiles = _load_user_profiles_with(name)
    if name == context.get_settings_context().profile_name:
        fail(f"Profile {name!r} is active. Activate another one with `prefect profile use` before you delete it.")
    confirm(f"Delete profile {name!r}?")
    user_profiles.remove_profile(name)
    profiles.save_profiles(user_profiles)
    click.echo(f"Deleted profile {name!r}.")


@command.command("rename")
@positional("name", help="Pass the name of a profile.")
@positional("new_name", help="Pass its new name.")
def rename(name: str, new_name: str) -> None:
    """Rename a profile."""
    user_profiles = _load_user_profiles_with(name)
    if new_name in user_profiles.names:
        fail(f"There is already a profile {new_name!r}.")
    renamed = user_profiles[name].model_copy(update={"name": new_name})
    user_profiles.remove_profile(name)
    user_profiles.add_profile(renamed)
    if user_profiles.active_name == name:
        user_profiles.set_active(new_name)
    profiles.save_profiles(user_profiles)
    if os.environ.get("PREFECT_PROFILE") == name:
        print_notice(f"PREFECT_PROFILE is still {name!r} in the environment.")
    click.echo(f"Renamed profile {name!r} to {new_name!r}.")


@command.command("populate-defaults")
def populate_defaults() -> None:
    """Add the built-in profiles to the profiles file, where they can be edited."""
    user_profiles = profiles.load_profiles(include_defaults=False)
    missing: list[Profile] = [
        profile for name, profile in profiles.load_profiles().items() if name not in user_profiles.names
    ]
    if not missing:
        return click.echo("All built-in profiles are already in the file.")
    click.echo(f"Profiles to add: {', '.join(profile.name for profile in missing)}.")
    confirm("Add them?", default=True)
    for profile in missing:
        user_profiles.add_profile(profile.model_copy(update={"source": None}))
    profiles.save_profiles(user_profiles)
    click.echo(f"Added {', '.join(profile.name for profile in missing)}.")


def _load_user_profiles_with(name: str) -> ProfilesCollection:
    """Load the profiles of the user's file; fail if this one is not among them."""
    user_profiles = profiles.load_profiles(include_defaults=False)
    if name not in user_profiles.names:
        if name in constants.PACKAGED_PROFILES:
            fail(f"Profile {name!r} is built in and cannot be changed. Copy it with `prefect profile create --from`.")
        fail(f"There is no profile {name!r}.")
    return user_profiles
