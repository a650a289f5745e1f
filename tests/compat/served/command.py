"""The original's own command line, looking at what ran."""
# clients: original
# environment: PREFECT_LOGGING_LEVEL=INFO

import os
import re
import subprocess
import sys

import _served  # noqa: F401
from _facts import fact, run_id

from prefect import flow, get_run_logger, task
from prefect.artifacts import create_markdown_artifact


@task
def step():
    create_markdown_artifact("# hello", key="note")


@flow(name="seen", flow_run_name="run-to-see")
def seen():
    get_run_logger().info("a line to find")
    step()


def prefect(*args):
    command = [os.path.join(os.path.dirname(sys.executable), "prefect"), *args]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env={**os.environ, "COLUMNS": "300"})
    return done.returncode, re.sub(r"\s+", " ", done.stdout + done.stderr)


state = seen(return_state=True)
ident = str(run_id(state))


def says(name, words, *args):
    code, text = prefect(*args)
    fact(name, [code, [word for word in words if word in text]])


says("flow-run ls", ["seen", "run-to-see", "COMPLETED"], "flow-run", "ls", "--flow-name", "seen")
says("flow-run inspect", [ident, "run-to-see", "COMPLETED"], "flow-run", "inspect", ident)
says("flow-run logs", ["a line to find"], "flow-run", "logs", ident)
says("flow ls", ["seen"], "flow", "ls")
says("task-run ls", ["step", "COMPLETED"], "task-run", "ls")
says("artifact ls", ["note"], "artifact", "ls")
says("artifact inspect", ["note", "hello"], "artifact", "inspect", "note")
says("variable set", ["colour"], "variable", "set", "colour", "red")
says("variable get", ["red"], "variable", "get", "colour")
says("work-pool create", ["here"], "work-pool", "create", "here", "--type", "process")
says("work-pool ls", ["here", "process"], "work-pool", "ls")
says("work-pool inspect", ["here"], "work-pool", "inspect", "here")
says("gcl create", ["seat"], "gcl", "create", "seat", "--limit", "3")
says("gcl ls", ["seat"], "gcl", "ls")
says("block type ls", ["secret", "json"], "block", "type", "ls")
says("deployment ls", [], "deployment", "ls")
says("automation ls", [], "automation", "ls")
says("flow-run cancel", [], "flow-run", "cancel", ident)
says("flow-run delete", ["deleted"], "--no-prompt", "flow-run", "delete", ident)
says("flow-run inspect again", [], "flow-run", "inspect", ident)
