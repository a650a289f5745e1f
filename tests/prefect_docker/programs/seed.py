"""From an empty pool to a completed run in a container, by commands, in a network namespace of its own.

The engine has its usual bridge, with a registry and a server beside it. The pool mounts this machine's Python into the
containers, because there is no image with one.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests import docker_engine
from tools import serving

FLOW = """
import ipaddress, os, pathlib, socket

from prefect import flow


@flow(log_prints=True)
def report():
    data = pathlib.Path("/app/data")
    print("secret:", os.environ["DATABASE_URL"] == "postgres://user:hush@host/db")
    print("read:", (data / "input").read_text())
    try:
        (data / "output").write_text("x")
    except OSError as error:
        print("refused:", error.strerror)
    address = ipaddress.ip_address(socket.gethostbyname(socket.gethostname()))
    print("bridged:", address in ipaddress.ip_network("172.17.0.0/16"))
    print("code:", pathlib.Path(__file__).parent)
"""

PROJECT = """
build:
  - prefect_docker.deployments.steps.build_docker_image:
      id: built
      image_name: my-registry/my-flow
      tag: latest
      dockerfile: Dockerfile

push:
  - prefect_docker.deployments.steps.push_docker_image:
      image_name: my-registry/my-flow
      tag: latest

pull:
  - prefect.deployments.steps.set_working_directory:
      directory: /opt/flows

deployments:
  - name: one
    entrypoint: flows.py:report
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

SAVE = 'from prefect.blocks.system import Secret; Secret(value="postgres://user:hush@host/db").save("db-url")'


def main(home: Path) -> None:
    """Run the commands in a directory, and print what the flow has logged."""
    project, data = home / "project", home / "data"
    for directory in (project, data):
        directory.mkdir(parents=True)
    (data / "input").write_text("numbers")
    with (
        docker_engine.run_engine(bridge=True) as address,
        docker_engine.run_registry() as registry,
        serving.server(home / "server", host="0.0.0.0") as served,
    ):
        os.environ |= {"DOCKER_HOST": address, "PREFECT_API_URL": served.url, "PREFECT_HOME": str(home / "client")}
        os.chdir(project)
        add_base_image()
        Path("Dockerfile").write_text("FROM local/python:1\nCOPY flows.py /opt/flows/flows.py\n")
        Path("flows.py").write_text(FLOW)
        Path("prefect.yaml").write_text(PROJECT.replace("my-registry", registry).replace("/data:/app", f"{data}:/app"))
        subprocess.run([sys.executable, "-c", SAVE], check=True)

        prefect("work-pool", "create", "docker-pool", "--type", "docker")
        Path("template.json").write_text(
            json.dumps(mount_python(prefect("work-pool", "inspect", "docker-pool", "-o", "json")))
        )
        prefect("work-pool", "update", "docker-pool", "--base-job-template", "template.json")
        prefect("deploy", "--all")
        prefect("deployment", "run", "report/one")
        prefect("worker", "start", "--pool", "docker-pool", "--type", "docker", "--run-once")
        [run] = json.loads(prefect("flow-run", "ls", "-o", "json"))
        print(run["state"]["name"], run["state"].get("message"))
        print(prefect("flow-run", "logs", run["id"]))


def prefect(*arguments: str) -> str:
    """Run a command, and return what it prints."""
    done = subprocess.run([sys.executable, "-m", "prefect", *arguments], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"prefect {' '.join(arguments)}: {done.stdout}{done.stderr}")
    return done.stdout


def add_base_image() -> None:
    """Add the image that the project's image is built from."""
    from prefect.utilities.dockerutils import docker_client

    with docker_client() as client:
        docker_engine.add_python_image(client, "local/python", "1")


def mount_python(pool: str) -> dict[str, object]:
    """Return the job template of a pool, with this machine's Python in its containers."""
    template = json.loads(pool)["base_job_template"]
    places = [volume.split(":")[0] for volume in docker_engine.list_python_volumes()]
    mounts = [{"Type": "bind", "Source": place, "Target": place, "ReadOnly": True} for place in places]
    template["variables"]["properties"]["container_create_kwargs"]["default"] = {"mounts": mounts}
    return template


if __name__ == "__main__":
    main(Path(sys.argv[1]))
