"""`prefect config`: view and change settings."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from prefect._lazy import lazy_from, lazy_modules
from prefect.cli.core.command import group, output_option, positional
from prefect.cli.core.output import confirm, fail, print_json, print_notice

if TYPE_CHECKING:
    import difflib

    from prefect import settings
    from prefect.settings import base, context, legacy, profiles
    from prefect.settings.legacy import Setting
else:
    base, context, legacy, profiles = lazy_from("prefect.settings", "base", "context", "legacy", "profiles")
    difflib, settings = lazy_modules("difflib", "prefect.settings")

MASKED_VALUE = "********"
_NOT_IN_PROFILES = ("PREFECT_HOME", "PREFECT_PROFILES_PATH")
"""Settings that locate the profiles file, so a profile cannot set them."""

command = group("config", "View and change settings.")


class _SettingLine(NamedTuple):
    name: str
    value: str
    source: str


@command.command("view")
@click.option("--show-defaults/--hide-defaults", default=False, help="Include settings that have their default value.")
@click.option("--show-sources/--hide-sources", default=True, help="Show the source of each value.")
@click.option("--show-secrets/--hide-secrets", default=False, help="Show secrets in plain text.")
@output_option
def view(show_defaults: bool, show_sources: bool, show_secrets: bool, output: str | None) -> None:
    """Show the current settings."""
    current = context.get_settings_context()
    lines = sorted(_read_lines(show_defaults, show_secrets))
    if output:
        shown = [line._asdict() if show_sources else {"name": line.name, "value": line.value} for line in lines]
        document: dict[str, Any] = {"profile": current.profile_name, "settings": shown}
        if current.settings.ui_url:
            document["ui_url"] = current.settings.ui_url
        return print_json(document)
    click.echo(f"PREFECT_PROFILE={current.profile_name!r}")
    for line in lines:
        click.echo(f"{line.name}={line.value!r}" + (f" (from {line.source})" if show_sources else ""))


def _read_lines(show_defaults: bool, show_secrets: bool) -> Iterator[_SettingLine]:
    current = context.get_current_settings()
    for accessor, leaf in legacy.all_leaves().items():
        raw, layer = current.plan.find(leaf)
        if layer:
            source = "program code" if isinstance(layer, str) else layer.source
            text = raw if isinstance(raw, str) else base.encode(raw)
        elif show_defaults:
            value = legacy.value_at(current, accessor)
            text, source = ("None" if value is None else base.encode(value)), "defaults"
        else:
            continue
        if leaf.is_secret and not show_secrets and text != "None":
            text = MASKED_VALUE
        yield _SettingLine(leaf.env, text, source)


@command.command("set")
@positional("settings", multiple=True, help="Pass settings as NAME=VALUE.")
def set_(settings: tuple[str, ...]) -> None:
    """Change settings in the current profile."""
    changes = dict(map(_parse_assignment, settings))
    for setting, value in changes.items():
        if setting.name in _NOT_IN_PROFILES:
            fail(f"{setting.name} locates the profiles file, so a profile cannot set it. Use an environment variable.")
        leaf = legacy.all_leaves()[setting.accessor]
        leaf.validated(value, "the command line")
    name = context.get_settings_context().profile_name
    profiles.update_current_profile(dict(changes.items()))
    for setting, value in changes.items():
        click.echo(f"Set {setting.name!r} to {MASKED_VALUE if setting.is_secret else value!r}.")
        _warn_if_in_environment(setting)
    click.echo(f"Updated profile {name!r}.")


def _parse_assignment(text: str) -> tuple[Setting, str]:
    name, equals, value = text.partition("=")
    if not equals:
        fail(f"{text!r} is not of the form NAME=VALUE.")
    return _find_setting(name), value


def _find_setting(name: str) -> Setting:
    setting = legacy.find_setting(name)
    if setting is None:
        fail(f"There is no setting {name!r}.{legacy.suggestion(name)}")
    return setting


def _warn_if_in_environment(setting: Setting) -> None:
    for name in legacy.all_leaves()[setting.accessor].names:
        if name in os.environ:
            print_notice(
                f"{name} is also set in the environment, which takes precedence. `unset {name}` removes it there."
            )


@command.command("unset")
@positional("setting_names", multiple=True, help="Pass the names of settings.")
@click.option("--yes/--no-yes", "-y", default=False, help="Skip the confirmation.")
def unset(setting_names: tuple[str, ...], yes: bool) -> None:
    """Remove settings from the current profile."""
    profile = profiles.load_current_profile()
    chosen = [_find_setting(name) for name in setting_names]
    for setting in chosen:
        if setting not in profile.settings:
            fail(f"{setting.name!r} is not set in profile {profile.name!r}.")
    if not yes:
        confirm(f"Remove {', '.join(setting.name for setting in chosen)} from profile {profile.name!r}?")
    profiles.update_current_profile(dict.fromkeys(chosen))
    for setting in chosen:
        click.echo(f"Unset {setting.name!r}.")
        _warn_if_in_environment(setting)
    click.echo(f"Updated profile {profile.name!r}.")


@command.command("validate")
def validate() -> None:
    """Check that every setting has a valid value."""
    current = context.get_current_settings()
    problems: list[str] = []
    for leaf in legacy.all_leaves().values():
        raw, layer = current.plan.find(leaf)
        if not layer:
            continue
        origin = layer if isinstance(layer, str) else layer.origin(leaf.names, leaf.path, leaf.name)
        try:
            leaf.validated(raw, origin)
        except settings.SettingsError as problem:
            problems.append(str(problem))
    for warning in _find_misspelled_variables():
        print_notice(warning)
    if problems:
        fail("\n".join(problems))
    current.complete()
    click.echo("Configuration valid!")


def _find_misspelled_variables() -> Iterator[str]:
    """Yield a notice for each environment variable that looks like a misspelled setting."""
    known = legacy.all_names()
    for name in sorted(os.environ):
        if name.startswith("PREFECT_") and name not in known and not name.startswith("PREFECT__"):
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.9)
            if near:
                yield f"{name} in the environment is not a setting. Did you mean {near[0]}?"
