"""Names of images, Dockerfiles, and building and pushing with a real engine."""

import gc
import io
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from prefect.docker import DockerImage
from prefect.docker.engine import BuildError, PushError
from prefect.utilities import dockerutils
from tests import docker_engine

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"


class TestNames:
    @pytest.mark.parametrize(
        ("name", "parts"),
        [
            ("a", ("a", None)),
            ("a:b", ("a", "b")),
            ("reg:5000/a", ("reg:5000/a", None)),
            ("reg:5000/a:b", ("reg:5000/a", "b")),
            ("x@sha256:abc", ("x", "sha256:abc")),
        ],
    )
    def test_parse_image_tag_splits_name_and_tag(self, name: str, parts: tuple[str, str | None]):
        assert dockerutils.parse_image_tag(name) == parts

    @pytest.mark.parametrize(
        ("path", "parts"),
        [("a", (None, "a")), ("reg.io/a/b", ("reg.io/a", "b")), ("localhost:5/a", ("localhost:5", "a"))],
    )
    def test_split_repository_path_splits_namespace_and_name(self, path: str, parts: tuple[str | None, str]):
        assert dockerutils.split_repository_path(path) == parts

    def test_get_prefect_image_name_has_the_versions(self):
        assert dockerutils.get_prefect_image_name() == f"prefecthq/prefect:3.9.1-python{PYTHON}"
        assert (
            dockerutils.get_prefect_image_name("3.1.2", "3.10", "conda") == "prefecthq/prefect:3.1.2-python3.10-conda"
        )

    def test_to_run_command_quotes(self):
        assert dockerutils.to_run_command(["a", "b c", "$x"]) == "RUN a 'b c' '$x'"
        assert dockerutils.to_run_command([]) == ""

    @pytest.mark.parametrize(
        ("arguments", "reference"),
        [(("a", "t"), "a:t"), (("a:b",), "a:b"), (("r:5000/a/b:1",), "r:5000/a/b:1"), (("o/a", "t"), "o/a:t")],
    )
    def test_docker_image_has_a_reference(self, arguments: tuple[str, ...], reference: str):
        assert DockerImage(*arguments).reference == reference

    def test_docker_image_takes_the_namespace_of_the_settings(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setenv("PREFECT_DEFAULT_DOCKER_BUILD_NAMESPACE", "reg.io/ns")
        assert (DockerImage("a", "t").reference, DockerImage("o/a", "t").reference) == ("reg.io/ns/a:t", "o/a:t")

    def test_docker_image_makes_a_tag_of_the_time(self):
        assert DockerImage("a").tag.startswith("20")

    def test_docker_image_refuses_contradictions(self):
        with pytest.raises(ValueError, match="Only one tag can be provided - both 'b' and 't'"):
            DockerImage("a:b", "t")
        with pytest.raises(ValueError, match="Invalid build_backend 'zz'"):
            DockerImage("a", build_backend="zz")  # pyright: ignore


class TestDockerfiles:
    def test_default_dockerfile_installs_the_package_and_copies_the_directory(self, tmp_path: Path):
        (tmp_path / "requirements.txt").touch()
        with dockerutils.generate_default_dockerfile() as path:
            lines = path.read_text().splitlines()
        assert not path.exists()
        assert (lines[0], lines[-1]) == (f"FROM python:{PYTHON}-slim", f"WORKDIR /opt/prefect/{tmp_path.name}/")
        assert "RUN pip install --no-cache-dir pluperfect==" in lines[1]
        assert f"COPY requirements.txt /opt/prefect/{tmp_path.name}/requirements.txt" in lines

    def test_existing_dockerfile_is_kept(self, tmp_path: Path):
        (tmp_path / "Dockerfile").write_text("mine")
        with pytest.raises(RuntimeError, match="exists: name it"), dockerutils.generate_default_dockerfile():
            pass
        assert (tmp_path / "Dockerfile").read_text() == "mine"


class TestWithoutAnEngine:
    def test_engine_that_does_not_answer_is_named(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
        monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)  # the docker package forgets its socket
            with pytest.raises(RuntimeError, match="The Docker engine does not answer: start Docker, or set DOCKER_"):
                DockerImage("a").build()
            gc.collect()
        assert not (tmp_path / "Dockerfile").exists()

    def test_missing_package_is_named(self, monkeypatch: pytest.MonkeyPatch):
        from prefect.docker import engine

        class Missing:
            def __getattr__(self, name: str) -> Any:
                raise ModuleNotFoundError("No module named 'docker'", name="docker")

        monkeypatch.setattr(engine, "docker", Missing())
        with pytest.raises(ImportError, match=r"install it with `pip install 'pluperfect\[docker\]'`"):
            DockerImage("a").build()


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    docker_engine.need("dockerd", "docker-registry")
    with docker_engine.run_engine() as address:
        yield address


@pytest.fixture
def client(address: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("DOCKER_HOST", address)
    with dockerutils.docker_client() as client:
        docker_engine.add_base_image(client, "local/base", "1")
        yield client


@pytest.fixture(scope="module")
def registry(address: str) -> Iterator[str]:
    with docker_engine.run_registry() as host:
        yield host


class TestWithAnEngine:
    def test_image_is_built_and_pushed(self, client: Any, registry: str, tmp_path: Path):
        (tmp_path / "Dockerfile").write_text("FROM local/base:1\nCOPY flow.py /flow.py\n")
        (tmp_path / "flow.py").write_text("1")
        output = io.StringIO()
        image = DockerImage(f"{registry}/flows", "v1", "Dockerfile", stream_progress_to=output)
        image.build()
        assert client.images.get(image.reference).labels["io.prefect.version"] == "3.9.1"
        assert "COPY flow.py" in output.getvalue()
        image.push()
        client.images.remove(image.reference)
        assert client.images.pull(f"{registry}/flows", tag="v1").labels

    def test_failing_build_reports_the_reason(self, client: Any, tmp_path: Path):
        (tmp_path / "Dockerfile").write_text("FROM local/base:1\nCOPY nothing.py /x\n")
        with pytest.raises(BuildError, match=r"nothing\.py"):
            DockerImage("x", "1", "Dockerfile", stream_progress_to=None).build()

    def test_refused_push_reports_the_reason(self, client: Any):
        client.images.get("local/base:1").tag("127.0.0.1:1/x", "1")
        with pytest.raises(PushError, match="refused"):
            DockerImage("127.0.0.1:1/x", "1", stream_progress_to=None).push()

    def test_image_builder_makes_an_image_of_lines_and_files(self, client: Any, tmp_path: Path):
        (tmp_path / "a.txt").write_text("a")
        with dockerutils.ImageBuilder("local/base:1", base_directory=tmp_path) as builder:
            builder.add_line("LABEL mine=yes")
            builder.copy("a.txt", "/data/a.txt")
            builder.write_text("b", "/data/b.txt")
            builder.assert_has_file(tmp_path / "a.txt", PurePosixPath("/data/a.txt"))
            builder.assert_line_before("LABEL mine=yes", "COPY data/a.txt /data/a.txt")
            image_id = builder.build()
        assert client.images.get(image_id).labels["mine"] == "yes"

    def test_push_image_names_and_pushes(self, client: Any, registry: str):
        image_id = client.images.get("local/base:1").id
        assert dockerutils.push_image(image_id, f"http://{registry}", "other", "2") == f"{registry}/other:2"
        assert client.images.pull(f"{registry}/other", tag="2").id == image_id
