"""Settings of the command line."""

from prefect.settings.base import PrefectBaseSettings, build_settings_config, setting


class CLISettings(PrefectBaseSettings):
    """Settings of the command line."""

    model_config = build_settings_config(("cli",))

    colors: bool = setting(True, "Whether the command line uses colours.")
    prompt: bool | None = setting(
        None, "Whether the command line may ask questions; when it is not set, it does on a terminal."
    )
    wrap_lines: bool = setting(True, "Whether the command line breaks lines that are wider than the terminal.")
