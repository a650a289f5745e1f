"""A secret that a program keeps in blocks is found nowhere: in no file, no log, no answer of the API, no traceback."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from prefect.client.orchestration import get_client

CANARY = "c4n4ry-5ecret"

PROGRAM = """
import logging, sys
from pydantic import SecretStr
from prefect import flow, get_run_logger, task
from prefect.artifacts import create_markdown_artifact
from prefect.blocks.core import Block
from prefect.blocks.notifications import AppriseNotificationBlock, CustomWebhookNotificationBlock
from prefect.blocks.system import Secret
from prefect.blocks.webhook import Webhook
from prefect.types import SecretDict

CANARY = sys.stdin.read()  # so that no traceback shows it as source

class Login(Block):
    user: str = "me"
    password: SecretStr
    headers: SecretDict = SecretDict({})

class Service(Block):
    login: Login

Login(password=CANARY, headers={"Token": CANARY}).save("login")
Service(login=Login.load("login")).save("service")
Service(login=Login(password=CANARY)).save("inside")
Secret(value={"deep": [CANARY]}).save("secret")
Webhook(url=f"http://127.0.0.1:9/{CANARY}", headers={"Token": CANARY}).save("webhook")
AppriseNotificationBlock(url=f"json://127.0.0.1:9/{CANARY}").save("alerts")
CustomWebhookNotificationBlock(
    name="hook", url="http://127.0.0.1:9/{{token}}", secrets={"token": CANARY}
).save("hook")

@task(persist_result=True)
def use(service):
    get_run_logger().info("using %s and %r", service, service.login)
    create_markdown_artifact(f"used {service}", key="used")
    return service.login.user

@task
def fail(service, secret):
    raise RuntimeError(f"{service} failed with {secret}")

@flow(log_prints=True)
def main():
    service, secret = Service.load("service"), Secret.load("secret")
    print(service, secret, Service.load("inside"), Webhook.load("webhook"))
    use(service)
    AppriseNotificationBlock.load("alerts").notify("x")
    for failing in (lambda: CustomWebhookNotificationBlock.load("hook").notify("x"), lambda: Login(password=[CANARY])):
        try:
            failing()
        except Exception:
            get_run_logger().exception("as expected")
    fail(service, secret)

main()
"""


@pytest.mark.timeout(180)
def test_secret_is_found_nowhere(home: Path, tmp_path: Path):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    environment = {**os.environ, "PREFECT_HOME": str(home), "PREFECT_LOGGING_LEVEL": "DEBUG"}
    done = subprocess.run(
        [sys.executable, program], input=CANARY, env=environment, cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 1 and "RuntimeError" in done.stderr and "as expected" in done.stderr
    shown = {"output": done.stdout + done.stderr, "answers": _read_api()}
    files = {str(path): path.read_bytes().decode("latin-1") for path in home.rglob("*") if path.is_file()}
    assert any(name.endswith("pluperfect.db") for name in files) and len(files) > 3
    assert [where for where, text in {**shown, **files}.items() if CANARY in text] == []
    with get_client(sync_client=True) as client:  # it is there, for the one call that asks for it
        assert CANARY in json.dumps([block.data for block in client.read_block_documents()])


def _read_api() -> str:
    with get_client(sync_client=True) as client:
        answers = [
            *client.read_block_documents(include_secrets=False),
            client.read_block_document_by_name("service", "service", include_secrets=False),
            *client.read_block_schemas(),
            *client.read_flow_runs(),
            *client.read_task_runs(),
            *client.read_logs(),
            *client.read_artifacts(),
        ]
    return "\n".join(answer.model_dump_json() for answer in answers)
