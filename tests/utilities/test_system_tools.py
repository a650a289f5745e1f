"""Timeouts, processes, files, imports, type registries, templates, and URLs."""

import asyncio
import io
import os
import signal
import sys
import threading
import time
from typing import Any
from uuid import UUID

import pydantic
import pytest

from prefect.blocks.system import JSON, Secret
from prefect.exceptions import ObjectNotFound, ScriptError
from prefect.utilities import filesystem, importtools, processutils, templating, urls
from prefect.utilities.dispatch import get_dispatch_key, lookup_type, register_base_type, register_type
from prefect.utilities.templating import PlaceholderType, apply_values, find_placeholders
from prefect.utilities.timeout import timeout, timeout_async
from prefect.values.annotations import NotSet
from prefect.variables import Variable


class MyTimeout(TimeoutError): ...


def spin():
    """Keep the CPU busy until interrupted, and fail after 30 seconds."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        pass
    raise AssertionError("never interrupted")


class TestTimeout:
    def test_timeout_interrupts_the_main_thread(self):
        with pytest.raises(MyTimeout, match=r"0\.05"), timeout(0.05, MyTimeout):
            spin()

    def test_timeout_interrupts_another_thread(self):
        errors = []

        def body():
            try:
                with timeout(0.05):
                    spin()
            except TimeoutError as error:
                errors.append(error)

        thread = threading.Thread(target=body)
        thread.start()
        thread.join(30)
        assert len(errors) == 1

    def test_timeout_does_not_interrupt_fast_code(self):
        for seconds in (30, None, 0):
            with timeout(seconds):
                pass

    def test_timeout_raises_errors_of_the_block_unchanged(self):
        with pytest.raises(TimeoutError, match="of the user's"), timeout(30):
            raise TimeoutError("of the user's")

    def test_timeout_can_be_nested(self):
        with pytest.raises(MyTimeout), timeout(0.1, MyTimeout):
            with pytest.raises(TimeoutError), timeout(0.05):
                spin()
            spin()

    async def test_timeout_async_cancels_the_block(self):
        with pytest.raises(MyTimeout), timeout_async(0.01, MyTimeout):
            await asyncio.Event().wait()
        with timeout_async():
            pass

    def test_timeout_rejects_other_exception_types(self):
        with pytest.raises(ValueError, match="TimeoutError"), timeout(1, ValueError):
            pass


class TestProcesses:
    def test_command_converts_to_text_and_back(self):
        assert processutils.command_from_string(processutils.command_to_string(["a b", "c"])) == ["a b", "c"]

    def test_sanitize_subprocess_env_removes_variables_without_a_value(self):
        environment = {"PATH": "x", "KEEP": "1"}
        assert processutils.sanitize_subprocess_env({"A": "1", "PATH": None}, remove_from=environment) == {"A": "1"}
        assert environment == {"KEEP": "1"}

    async def test_run_process_forwards_output(self):
        out, err = io.StringIO(), io.StringIO()
        code = "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"
        process = await processutils.run_process([sys.executable, "-c", code], stream_output=(out, err))
        assert (process.returncode, out.getvalue(), err.getvalue()) == (3, "out\n", "err\n")

    async def test_run_process_drains_unread_output(self):
        process = await processutils.run_process([sys.executable, "-c", "print('x' * 1_000_000)"])
        assert process.returncode == 0

    async def test_open_process_waits_for_the_process(self):
        async with processutils.open_process([sys.executable, "-c", "pass"]) as process:
            pass
        assert process.returncode == 0

    async def test_open_process_ends_the_process_after_an_error(self):
        with pytest.raises(LookupError):
            async with processutils.open_process([sys.executable, "-c", "import time; time.sleep(300)"]) as process:
                raise LookupError
        assert process.returncode not in (None, 0)

    async def test_open_process_raises_the_callers_error_when_the_process_has_ended(self):
        with pytest.raises(LookupError, match="mine"):
            async with processutils.open_process([sys.executable, "-c", "pass"]) as process:
                await process.wait()
                raise LookupError("mine")
        assert process.returncode == 0

    async def test_signal_for_a_process_that_has_ended_is_ignored(self):
        process = await processutils.run_process([sys.executable, "-c", "pass"])
        before, signals_received = signal.getsignal(signal.SIGTERM), list[str]()
        options = {"process_name": "the server", "print_fn": signals_received.append}
        try:
            processutils.forward_signal_handler(process.pid, signal.SIGTERM, signal.SIGTERM, **options)
            signal.raise_signal(signal.SIGTERM)
        finally:
            signal.signal(signal.SIGTERM, before)
        assert signals_received == ["Received SIGTERM: sending SIGTERM to the server."]

    async def test_run_process_requires_a_list(self):
        with pytest.raises(TypeError, match="list"):
            await processutils.run_process("true")


class TestFiles:
    @pytest.fixture
    def tree(self, tmp_path):
        for path in ("a/b/x.py", "a/y.txt", "z.py", "__pycache__/c.pyc"):
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).touch()
        return str(tmp_path)

    @pytest.mark.parametrize(
        ("patterns", "left"),
        [
            ([], {"a/b/x.py", "a/y.txt", "z.py", "__pycache__/c.pyc"}),
            (["*.py"], {"a/y.txt", "__pycache__/c.pyc"}),
            (["a/"], {"z.py", "__pycache__/c.pyc"}),
            (["/z.py", "# comment", ""], {"a/b/x.py", "a/y.txt", "__pycache__/c.pyc"}),
            (["a/*", "!a/y.txt"], {"a/y.txt", "z.py", "__pycache__/c.pyc"}),
            (["**/x.py", "[_]*/"], {"a/y.txt", "z.py"}),
            (["a/**"], {"z.py", "__pycache__/c.pyc"}),
            (["?.py"], {"a/y.txt", "__pycache__/c.pyc"}),
        ],
    )
    def test_filter_files_ignores_patterns(self, tree, patterns, left):
        assert filesystem.filter_files(tree, patterns, include_dirs=False, as_posix=True) == left

    def test_filter_files_includes_directories(self, tree):
        assert {"a", "a/b"} <= filesystem.filter_files(tree)
        assert filesystem.filter_files(tree, ["a/"]) & {"a", "a/b"} == set()

    def test_create_default_ignore_file_writes_once(self, tmp_path):
        assert filesystem.create_default_ignore_file(str(tmp_path))
        assert not filesystem.create_default_ignore_file(str(tmp_path))
        (tmp_path / "__pycache__").mkdir()
        patterns = (tmp_path / ".prefectignore").read_text().splitlines()
        assert filesystem.filter_files(str(tmp_path), patterns) == {".prefectignore"}

    def test_tmpchdir_restores_the_working_directory(self, tree):
        before = os.getcwd()
        with filesystem.tmpchdir(os.path.join(tree, "a", "y.txt")) as directory:
            assert os.path.samefile(os.getcwd(), os.path.join(tree, "a"))
            assert os.path.samefile(directory, os.getcwd())
        assert os.getcwd() == before

    def test_path_helpers_recognize_local_and_remote_paths(self):
        assert [filesystem.is_local_path(p) for p in ("/x", "a.py", "file:///x", "local://x")] == [True] * 4
        assert [filesystem.is_local_path(p) for p in ("s3://x", "https://x/y", "memory://x")] == [False] * 3
        assert filesystem.filename("s3://b/k.txt") == "k.txt"
        assert filesystem.relative_path_to_current_platform("a\\b").parts == ("a", "b")
        assert filesystem.to_display_path("/a/b/c", relative_to="/a") == os.path.join("b", "c")
        assert filesystem.get_open_file_limit() > 0


@pytest.fixture
def clean_imports(monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        del sys.modules[name]


@pytest.mark.usefixtures("clean_imports")
class TestImports:
    def test_qualified_name_converts_to_an_object_and_back(self):
        assert importtools.from_qualified_name(importtools.to_qualified_name(ScriptError)) is ScriptError
        assert importtools.from_qualified_name("os.path") is os.path
        assert importtools.import_object("os:path.join") is importtools.import_object("os.path.join") is os.path.join
        with pytest.raises(AttributeError):
            importtools.from_qualified_name("os.nothing")
        with pytest.raises(ModuleNotFoundError):
            importtools.from_qualified_name("no_such_module.x")

    def test_load_script_as_module_imports_neighbours_and_skips_main(self, tmp_path):
        (tmp_path / "nextdoor.py").write_text("Q = 9\n")
        (tmp_path / "script.py").write_text(
            "from nextdoor import Q\nclass A:\n    v = 1\nif __name__ == '__main__':\n    raise SystemExit\n"
        )
        module = importtools.load_script_as_module(str(tmp_path / "script.py"))
        assert module.Q == 9 and sys.modules[module.__name__] is module
        assert importtools.import_object(f"{tmp_path / 'script.py'}:A.v") == 1

    def test_load_script_as_module_error_names_the_script(self, tmp_path):
        (tmp_path / "bad.py").write_text("1 / 0\n")
        with pytest.raises(ScriptError, match=r"bad\.py.*ZeroDivisionError") as caught:
            importtools.load_script_as_module(str(tmp_path / "bad.py"))
        assert isinstance(caught.value.user_exc, ZeroDivisionError)
        with pytest.raises(ScriptError, match=r"none\.py"):
            importtools.import_object("none.py:x")

    def test_lazy_import_raises_at_first_use_when_the_module_is_missing(self):
        module = importtools.lazy_import("no_such_module", help_message="Install it.")
        with pytest.raises(ModuleNotFoundError, match=r"no_such_module[\s\S]*Install it"):
            module.anything
        with pytest.raises(ModuleNotFoundError):
            importtools.lazy_import("no_such_module", error_on_import=True)
        assert importtools.lazy_import("os") is os

    def test_aliased_module_finder_imports_the_real_module(self):
        used = []
        definition = importtools.AliasedModuleDefinition("old_json", "json", used.append)
        sys.meta_path.insert(0, importtools.AliasedModuleFinder([definition]))
        import json

        assert importtools.from_qualified_name("old_json") is json
        assert importtools.from_qualified_name("old_json.decoder") is json.decoder
        assert used == ["old_json", "old_json.decoder"]

    def test_safe_load_namespace_skips_statements_that_fail(self):
        source = (
            "import os, no_such_module\nfrom no_such_module import z\nX = 1\nY: int = X + 1\nW = no_such_module.w\n"
            "def f(a=X): return a\nraise SystemExit\n"
        )
        namespace = importtools.safe_load_namespace(source)
        assert namespace["X"] == 1 and namespace["Y"] == 2 and namespace["f"]() == 1
        assert "W" not in namespace and "z" not in namespace
        with pytest.raises(SyntaxError):
            importtools.safe_load_namespace("def (")


class TestDispatch:
    def test_lookup_type_finds_a_class_by_its_key(self):
        @register_base_type
        class Base:
            __dispatch_key__ = "base"

        class Automatic(Base):
            __dispatch_key__ = "one"

        class Callable(Base):
            @classmethod
            def __dispatch_key__(cls):
                return "two"

        assert [lookup_type(Base, key) for key in ("base", "one", "two")] == [Base, Automatic, Callable]
        assert lookup_type(Automatic, "two") is Callable
        assert get_dispatch_key(Callable()) == "two"
        with pytest.raises(KeyError, match="three"):
            lookup_type(Base, "three")

    def test_register_type_requires_a_base_type_and_a_key(self):
        class Alone: ...

        assert get_dispatch_key(Alone, allow_missing=True) is None
        with pytest.raises(ValueError, match="__dispatch_key__"):
            get_dispatch_key(Alone)
        with pytest.raises(ValueError, match="Alone"):
            register_type(Alone)


class TestTemplates:
    values = {"a": 1, "d": {"k": [1, 2]}, "n": None}

    @pytest.mark.parametrize(
        ("template", "filled"),
        [
            ("{{ a }}", 1),
            ("x{{ a }}y", "x1y"),
            ("{{ d.k[1] }}", 2),
            ("{{ d }}", {"k": [1, 2]}),
            ("{{ n }}", None),
            ("{{ missing }}", NotSet),
            ("x{{ missing }}", "x"),
            ({"p": "{{ missing }}", "q": ["{{ a }}", "{{ missing }}"]}, {"q": [1]}),
            ("{{ $SOME_VARIABLE }}", "from the environment"),
            ("{{ $MISSING_VARIABLE }}", ""),
            ("{{ prefect.blocks.a.b }}", "{{ prefect.blocks.a.b }}"),
            (5, 5),
        ],
    )
    def test_apply_values_fills_in_placeholders(self, monkeypatch, template, filled):
        monkeypatch.setenv("SOME_VARIABLE", "from the environment")
        assert apply_values(template, self.values) == filled

    def test_apply_values_can_keep_missing_placeholders(self):
        assert apply_values({"p": "{{ missing }}", "q": "x{{ missing }}"}, {}, remove_notset=False) == {
            "p": "{{ missing }}",
            "q": "x{{ missing }}",
        }
        assert apply_values("{{ z.a }} {{ a }}", self.values, skip_prefixes=["z"]) == "{{ z.a }} 1"

    def test_find_placeholders_finds_each_type(self):
        found = find_placeholders(
            {"x": ["{{ a }}", "{{$E}} {{ prefect.variables.v }} {{ prefect.blocks.b }} {{ a b }}"]}
        )
        assert {(p.name, p.type) for p in found} == {
            ("a", PlaceholderType.STANDARD),
            ("$E", PlaceholderType.ENV_VAR),
            ("prefect.variables.v", PlaceholderType.VARIABLE),
            ("prefect.blocks.b", PlaceholderType.BLOCK_DOCUMENT),
        }
        with pytest.raises(ValueError, match="tuple"):
            find_placeholders(("{{ a }}",))

    @pytest.mark.parametrize(
        ("template", "expected"),
        [
            ("{{ prefect.variables.one }}", {"x": 1}),
            ({"k": ["a {{ prefect.variables.two }} b", 5]}, {"k": ["a txt b", 5]}),
            ("{{ prefect.variables.nothing }}", ""),
            ("{{ other }}", "{{ other }}"),
        ],
    )
    async def test_variable_placeholders_are_filled(self, template: Any, expected: Any):
        await Variable.aset("one", {"x": 1})
        await Variable.aset("two", "txt")
        assert await templating.resolve_variables(template) == expected

    @pytest.mark.parametrize(
        ("template", "expected"),
        [
            ("{{ prefect.blocks.secret.quiet }}", "hush"),
            ("{{ prefect.blocks.json.tree.value.a[0] }}", 1),
            ({"url": "http://{{ prefect.blocks.secret.quiet }}/"}, {"url": "http://hush/"}),
            ("{{ other }}", "{{ other }}"),
        ],
    )
    async def test_block_placeholders_are_filled(self, template: Any, expected: Any):
        await Secret(value="hush").asave("quiet")
        id_ = await JSON(value={"a": [1]}).asave("tree")
        assert await templating.resolve_block_document_references(template) == expected
        reference = {"tree": {"$ref": {"block_document_id": str(id_)}}}
        assert await templating.resolve_block_document_references(reference) == {"tree": {"value": {"a": [1]}}}

    async def test_block_placeholders_say_what_is_missing(self):
        await Secret(value="hush").asave("quiet")
        with pytest.raises(ObjectNotFound, match="secret/nothing"):
            await templating.resolve_block_document_references("{{ prefect.blocks.secret.nothing }}")
        with pytest.raises(ValueError, match="has no 'other'"):
            await templating.resolve_block_document_references("{{ prefect.blocks.secret.quiet.other }}")
        with pytest.raises(ValueError, match="names no block"):
            await templating.resolve_block_document_references("{{ prefect.blocks.secret }}")


class TestUrls:
    one = UUID(int=1)

    def test_url_for_combines_the_kind_and_the_id(self):
        base = "http://pages"
        assert urls.url_for("flow-run", self.one, default_base_url=base) == f"http://pages/runs/flow-run/{self.one}"
        assert urls.url_for("work-pool", "wp", default_base_url=base) == "http://pages/work-pools/work-pool/wp"
        assert urls.url_for("variable", "v", "api", default_base_url=base) == "http://pages/variables/name/v"
        assert urls.url_for("nonsense", self.one, default_base_url=base) is None
        with pytest.raises(ValueError, match="occurred"):
            urls.url_for("received-event", self.one, default_base_url=base)
        with pytest.raises(ValueError, match="obj_id"):
            urls.url_for("flow-run")
        with pytest.raises(ValueError, match="zz"):
            urls.url_for("flow", self.one, url_type="zz")

    def test_url_for_identifies_an_object(self):
        class WorkPool(pydantic.BaseModel):
            id: UUID = self.one
            name: str = "wp"

        class FlowRun(pydantic.BaseModel):
            id: UUID = self.one

        assert urls.url_for(FlowRun(), default_base_url="http://p") == f"http://p/runs/flow-run/{self.one}"
        assert urls.url_for(WorkPool(), default_base_url="http://p") == "http://p/work-pools/work-pool/wp"
        assert urls.url_for(object(), default_base_url="http://p") is None

    @pytest.mark.parametrize(
        "url",
        [
            "http://127.0.0.1/x",
            "http://10.0.0.1",
            "http://169.254.169.254",
            "http://[::1]/",
            "ftp://8.8.8.8",
            "x",
            "http://",
        ],
    )
    def test_validate_restricted_url_rejects_private_addresses(self, url):
        with pytest.raises(ValueError, match="not a valid URL"):
            urls.validate_restricted_url(url)

    def test_validate_restricted_url_accepts_public_addresses(self):
        urls.validate_restricted_url("https://8.8.8.8/x")

    def test_guarded_transport_connects_to_the_validated_address(self, monkeypatch):
        import httpx

        from prefect.notifications import guarded_http

        sent = []
        monkeypatch.setattr(httpx.HTTPTransport, "handle_request", lambda self, request: sent.append(request))
        monkeypatch.setattr(guarded_http, "resolve_public", lambda url: ["8.8.8.8"])
        urls.SSRFProtectedHTTPTransport().handle_request(httpx.Request("GET", "https://example.com/x"))
        assert str(sent[0].url) == "https://8.8.8.8/x"
        assert sent[0].headers["Host"] == "example.com"
        assert sent[0].extensions["sni_hostname"] == "example.com"

    def test_guarded_transport_rejects_private_addresses(self):
        import httpx

        with httpx.Client(transport=urls.SSRFProtectedHTTPTransport()) as client:
            with pytest.raises(ValueError, match="private address"):
                client.get("http://127.0.0.1:9/")
