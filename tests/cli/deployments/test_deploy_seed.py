"""The YAML that documentation of Prefect 3 shows is deployed as it stands."""

import textwrap
from pathlib import Path

import pytest

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import WorkPoolCreate
from tests.cli.conftest import Run

SEVERAL = """
deployments:
  - name: daily-sync-dev
    entrypoint: notebooks/etl/sync.py:sync_flow
    work_pool:
      name: dev-pool
    parameters:
      environment: "dev"
      batch_size: 100
    schedules:
      - cron: "0 8 * * *"
        timezone: "UTC"

  - name: daily-sync-prod
    entrypoint: notebooks/etl/sync.py:sync_flow
    work_pool:
      name: prod-pool
    parameters:
      environment: "prod"
      batch_size: 1000
    schedules:
      - cron: "0 6 * * *"
        timezone: "Asia/Hong_Kong"
"""

SCHEDULES = """
deployments:
  - name: hourly-report
    entrypoint: notebooks/reports/report.py:generate_report
    parameters:
      report_type: "summary"
    schedules:
      # Every hour during business hours
      - cron: "0 9-17 * * 1-5"
        timezone: "America/New_York"

      # Weekly summary on Monday morning
      - cron: "0 8 * * 1"
        timezone: "America/New_York"
        parameters:
          report_type: "weekly"
"""

STEPS = """
build:
  - prefect.deployments.steps.run_shell_script:
      script: scripts/build.sh
      stream_output: true

  - prefect.deployments.steps.pip_install_requirements:
      requirements_file: requirements.txt
"""

CONTAINER = """
    work_pool:
      name: docker-pool
      job_variables:
        image: "my-registry/my-flow:latest"
        env:
          DATABASE_URL: "{{ prefect.blocks.secret.db-url }}"
        volumes:
          - "/data:/app/data:ro"
        network_mode: "bridge"
"""


@pytest.fixture(autouse=True)
def project(tmp_path: Path) -> None:
    """The flows that the YAML names."""
    for path, signature in (
        ("notebooks/etl/sync.py", "sync_flow(environment: str, batch_size: int)"),
        ("notebooks/reports/report.py", "generate_report(report_type: str)"),
    ):
        file = tmp_path / path
        file.parent.mkdir(parents=True)
        file.write_text(f"from prefect import flow\n\n\n@flow\ndef {signature}: ...\n")
    (tmp_path / "scripts").mkdir()
    script = tmp_path / "scripts/build.sh"
    script.write_text("#!/bin/sh\necho built > built.txt\n")
    script.chmod(0o755)
    (tmp_path / "requirements.txt").write_text("click\n")


def test_several_deployments(run: Run, client_with_pool: SyncPrefectClient):
    for name in ("dev-pool", "prod-pool"):
        client_with_pool.create_work_pool(WorkPoolCreate(name=name, type="process"))
    Path("prefect.yaml").write_text(SEVERAL)
    assert run("deploy", "--all").code == 0
    found = client_with_pool.read_deployment_by_name("sync-flow/daily-sync-prod")
    assert (found.work_pool_name, found.parameters) == ("prod-pool", {"environment": "prod", "batch_size": 1000})
    assert found.schedules[0].schedule.timezone == "Asia/Hong_Kong"


def test_schedules_with_parameters_and_build_steps(run: Run, client_with_pool: SyncPrefectClient):
    Path("prefect.yaml").write_text(STEPS + SCHEDULES)
    assert run("deploy", "--all").code == 0
    assert Path("built.txt").read_text() == "built\n"
    found = client_with_pool.read_deployment_by_name("generate-report/hourly-report")
    assert sorted(map(str, (each.parameters for each in found.schedules))) == ["{'report_type': 'weekly'}", "{}"]


def test_container_with_a_secret(run: Run, client_with_pool: SyncPrefectClient):
    from prefect.blocks.system import Secret

    Secret(value="postgres://user:hush@host/db").save("db-url")
    run("work-pool", "create", "docker-pool", "--type", "docker")
    head = "deployments:\n  - name: one\n    entrypoint: notebooks/reports/report.py:generate_report\n"
    Path("prefect.yaml").write_text(head + textwrap.dedent(CONTAINER).replace("\n", "\n    "))
    outcome = run("deploy", "--all")
    assert outcome.code == 0, outcome.err
    found = client_with_pool.read_deployment_by_name("generate-report/one")
    assert found.job_variables == {
        "image": "my-registry/my-flow:latest",
        "env": {"DATABASE_URL": "{{ prefect.blocks.secret.db-url }}"},
        "volumes": ["/data:/app/data:ro"],
        "network_mode": "bridge",
    }
