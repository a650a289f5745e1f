"""Actions on all flow runs that match a query: the options of the commands, the confirmation, and the jobs.

The work is a bulk job, as on the web page: what a command that is interrupted has begun, it stops.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from prefect import exceptions
from prefect.cli.core.command import flag, group, output_option, positional
from prefect.cli.core.lookup import get_client
from prefect.cli.core.output import confirm, fail, print_json, print_table
from prefect.settings import get_current_settings

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

F = Callable[..., Any]

_DONE = {"cancel": "cancelled", "retry": "scheduled for retry", "delete": "deleted"}
_SHOWN_REASONS = 20


def one_or_query(action: str, name: str = "id") -> Callable[[F], F]:
    """Declare a command that acts on one flow run, whose id or name it is called with, or on all that match a query.

    Args:
        action: `cancel`, `retry` or `delete`.
        name: The parameter with the id or name.
    """

    def decorate(function: F) -> F:
        @positional(name, help="Pass the id or name of a flow run.", required=False)
        @click.option(
            "--query", "-q", metavar="QUERY", help='Select all runs that match a query, as in "state:running tag:old".'
        )
        @flag("--yes", "-y", help="Do not ask before acting on the runs that match.")
        @output_option
        @functools.wraps(function)
        def call(query: str | None, yes: bool, output: str | None, **more: Any) -> Any:
            id_or_name = more.pop(name)
            if query is not None:
                _check_query(id_or_name, query)
                if any(more.values()):
                    fail("The other options go with one flow run, not with --query.")
                return _act(action, query, yes, output)
            if id_or_name is None:
                raise click.UsageError(
                    "Missing argument ID. Pass the id or name of a flow run, or --query for several."
                )
            if output:
                fail("--output goes with --query only.")
            return function(id_or_name, yes, **more)

        return call

    return decorate


def _check_query(id_or_name: str | None, query: str) -> None:
    if id_or_name is not None:
        fail("Pass a flow run or --query, not both.")
    if not query.strip():
        fail('The query is empty. To act on all runs, say so: --query "since:3650d".')


def _act(action: str, query: str, yes: bool, output: str | None) -> None:
    """Cancel, retry or delete the flow runs that match a query, and print the outcome.

    Args:
        action: `cancel`, `retry` or `delete`.
        query: Which runs, in the language of the web page.
        yes: Whether not to ask.
        output: "json" or None.
    """
    client = get_client()
    count = _call(client, "GET", "/count", params={"q": query})
    if count and not yes:
        confirm(f"{action.capitalize()} {_runs(count)} of {query!r}?")
    job = _finish(client, _call(client, "POST", "", json={"action": action, "q": query}), output)
    if not output:
        _describe(_DONE[action], job)


def _finish(client: SyncPrefectClient, job: dict[str, Any], output: str | None) -> dict[str, Any]:
    """Run a job to its end, print it with `output`, and return it with its results."""
    try:
        while job["status"] == "running":
            job = _call(client, "POST", "/{id}/batch", path_params={"id": job["id"]})
    except KeyboardInterrupt:
        _call(client, "POST", "/{id}/stop", path_params={"id": job["id"]})
        raise
    job = _call(client, "GET", "/{id}", path_params={"id": job["id"]})
    if output:
        print_json(job)
    if job["status"] == "failed":
        fail(f"It went no further: {job['message']}. What is done stays done; call it again for the rest.")
    return job


# --- jobs -------------------------------------------------------------------------------------------------------------

jobs = group("jobs", "Manage the jobs that act on many flow runs.")

_id_argument = positional("id", help="Pass the id of a bulk job.")


@jobs.command("ls")
@output_option
def ls(output: str | None) -> None:
    """List the latest bulk jobs, newest first."""
    found = _call(get_client(), "GET", "")
    if output:
        return print_json(found)
    rows = [[job["id"], job["action"], job["status"], job["done"], job["left"], job["query"]] for job in found]
    print_table(["ID", "Action", "Status", "Done", "Left as they were", "Query"], rows)


@jobs.command("stop")
@_id_argument
def stop(id: str) -> None:
    """Stop a bulk job after its current batch. Changes that were made are kept."""
    job = _call_job(get_client(), "/{id}/stop", id)
    click.echo(f"The job is {job['status']}: {_runs(job['done'])} done of {job['total']}.")


@jobs.command("undo")
@_id_argument
@output_option
def undo(id: str, output: str | None) -> None:
    """Undo the changes of tags that a bulk job has made."""
    client = get_client()
    job = _finish(client, _call_job(client, "/{id}/undo", id), output)
    if not output:
        _describe("as before", job)


def _call_job(client: SyncPrefectClient, path: str, id_: str) -> dict[str, Any]:
    """Call an operation on a bulk job; fail if there is none of this id, or with the server's refusal."""
    route: Any = f"/ui/bulk/runs{path}"
    try:
        return client.request("POST", route, path_params={"id": id_}).json()
    except exceptions.ObjectNotFound:
        fail(f"There is no bulk job {id_!r}. `prefect flow-run jobs ls` lists them.")
    except exceptions.PrefectHTTPStatusError as error:
        fail(str(error.response.json()["detail"]))


def _call(client: SyncPrefectClient, method: Any, path: str, **more: Any) -> Any:
    """Call an operation on bulk jobs, which only our servers have."""
    route: Any = f"/ui/bulk/runs{path}"
    try:
        return client.request(method, route, **more).json()
    except exceptions.ObjectNotFound:
        fail(f"The API at {get_current_settings().api.url} cannot act on the runs that match a query.")


def _runs(count: int) -> str:
    return f"{count} flow run" if count == 1 else f"{count} flow runs"


def _describe(done: str, job: dict[str, Any]) -> None:
    if not job["done"] and not job["left"]:
        return click.echo(f"No flow run matches {job['query']!r}.")
    click.echo(f"{_runs(job['done']) if job['done'] else 'No flow run'} {done}.")
    if not job["left"]:
        return
    click.echo(f"{_runs(job['left'])} stayed as {'it was' if job['left'] == 1 else 'they were'}:")
    kept = [result for result in job["results"] if not result["done"]][:_SHOWN_REASONS]
    print_table(["ID", "Name", "Why"], [[result["id"], result["name"], result["reason"]] for result in kept])
    if job["left"] > len(kept):
        click.echo(f"and {job['left'] - len(kept)} more; -o json shows up to 500.")
