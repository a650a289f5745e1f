"""The `prefect` command.

`main` is the entry point. Start-up time is a feature: nothing is imported until the requested command is known. The
table in `core.registry` holds what `prefect --help` shows and names the module of each command.

`core` has what every command is made with; the other packages hold the commands, by domain. In these, a module whose
name begins with an underscore is no command. `shell` is not in a package, because deployments of it name its flow as
`prefect.cli.shell.run_shell_process`.

To add a command:

1. Write a module `prefect/cli/<domain>/<module>.py` that defines `command`: a click command or, with
   `core.command.group`, a group:

        command = group("flow-run", "Manage flow runs.")

        @command.command("inspect")
        @positional("id", help="Pass the id of a flow run.")
        @output_option
        def inspect(id: str, output: str | None) -> None:
            '''Show a flow run.'''
            run = ...
            if output:
                return print_json(run)
            print_table(["Name", "State"], [[run.name, state_cell(run.state_name, run.state_type)]])

   Heavy imports (`prefect.client`, pydantic models) belong behind `lazy`, because `--help` of a command imports its
   module. Raise errors: `fail("There is no flow run ...")`, any `PrefectException`, the `ValueError` of a setting.
   `core.app` prints them on one line and exits with 1. A command is a plain function: it
   does its I/O through the synchronous client.

2. Add a line to `core.registry.COMMANDS`.

Commands print through `core.output`: tables on a terminal, plain columns in a pipe, JSON with `-o json`. Results go to
standard output; errors, prompts and notices go to standard error. `--profile` and `--prompt` are read before the
command is resolved, at any position. Use `core.output.confirm` before something is deleted: it does not prompt when the
session is not interactive.
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["app", "main"]


def main(args: Sequence[str] | None = None) -> None:
    """Run a command line and exit.

    Args:
        args: The arguments after the program's name; those of the process if None.
    """
    from prefect.cli.core.app import run

    raise SystemExit(run(args))


def app() -> None:
    """Run the command line of the process and exit, for programs that embed the command."""
    main()
