"""`prefect deploy` and `prefect.yaml`."""

import textwrap
from pathlib import Path
from typing import Any

import pytest

from prefect import variables
from prefect.blocks.system import Secret
from prefect.client.orchestration import SyncPrefectClient
from tests.cli.conftest import Prefect, Run

pytestmark = pytest.mark.usefixtures("program")


@pytest.fixture
def client(client_with_pool: SyncPrefectClient) -> SyncPrefectClient:
    return client_with_pool


def write(text: str) -> None:
    Path("prefect.yaml").write_text(textwrap.dedent(text))


ONE = """
    # what runs where
    name: project
    deployments:
    - name: one  # the first
      entrypoint: flows.py:hello
      work_pool: {name: pool}
      schedules:
      - cron: "0 8 * * *"
        timezone: Europe/Berlin
        slug: daily
"""


class TestDeploying:
    def test_file_that_fails_to_run_here_is_deployed_with_a_warning(self, run: Run, client: SyncPrefectClient):
        Path("broken.py").write_text(
            "from prefect import flow\nimport not_installed\n\n@flow\ndef work(x: int = 1): ...\n"
        )
        done = run("--no-prompt", "deploy", "broken.py:work", "-n", "one", "-p", "pool")
        assert "No module named 'not_installed'" in done.err
        assert "x" in client.read_deployment_by_name("work/one").parameter_openapi_schema["properties"]

    def test_deployment_has_the_values_of_the_file(self, run: Run, client: SyncPrefectClient, tmp_path: Path):
        write("""
            definitions:
              env: &env {LEVEL: INFO}
            deployments:
            - name: one
              entrypoint: flows.py:hello
              parameters: {x: 5}
              tags: [a, b]
              description: what it does
              version: "3"
              paused: true
              enforce_parameter_schema: false
              concurrency_limit: {limit: 2, collision_strategy: CANCEL_NEW}
              work_pool:
                name: pool
                work_queue_name: fast
                job_variables: {env: {<<: *env, MORE: "1"}}
              schedules:
              - {cron: "0 8 * * *", timezone: UTC, slug: c, parameters: {x: 6}, active: no}
              - {interval: "PT1H", anchor_date: 2026-01-01T00:00:00Z}
              - {rrule: "FREQ=DAILY", timezone: Asia/Tokyo}
        """)
        assert run("deploy", "--all").code == 0
        found = client.read_deployment_by_name("hello/one")
        assert (found.parameters, found.tags, found.description, found.version) == (
            {"x": 5},
            ["a", "b"],
            "what it does",
            "3",
        )
        assert (found.paused, found.enforce_parameter_schema) == (True, False)
        assert found.global_concurrency_limit is not None
        assert found.global_concurrency_limit.limit == 2
        assert found.concurrency_options is not None
        assert found.concurrency_options.collision_strategy == "CANCEL_NEW"
        assert (found.work_pool_name, found.work_queue_name) == ("pool", "fast")
        assert found.job_variables == {"env": {"LEVEL": "INFO", "MORE": "1"}}
        assert (found.entrypoint, found.path) == ("flows.py:hello", None)
        assert found.pull_steps == [{"prefect.deployments.steps.set_working_directory": {"directory": str(tmp_path)}}]
        by_kind = {type(each.schedule).__name__: each for each in found.schedules}
        cron, interval, rule = (by_kind[f"{kind}Schedule"] for kind in ("Cron", "Interval", "RRule"))
        assert (cron.slug, cron.active, cron.parameters) == ("c", False, {"x": 6})
        assert interval.schedule.interval.total_seconds() == 3600  # pyright: ignore
        assert interval.schedule.anchor_date.isoformat() == "2026-01-01T00:00:00+00:00"  # pyright: ignore
        assert rule.schedule.timezone == "Asia/Tokyo"

    def test_flow_gives_what_the_file_leaves_out(self, run: Run, client: SyncPrefectClient):
        write(ONE + "    - {name: two, entrypoint: 'flows.py:other', work_pool: {name: pool}}\n")
        assert run("deploy", "--all").code == 0
        assert client.read_deployment_by_name("hello/one").description == "Says hello."
        assert client.read_deployment_by_name("greet/two").version == "7"
        schema: Any = client.read_deployment_by_name("hello/one").parameter_openapi_schema
        assert set(schema["properties"]) == {"x", "y"}

    def test_redeploy_changes_only_values_of_the_file(self, run: Run, client: SyncPrefectClient):
        write(ONE)
        run("deploy", "--all")
        before = client.read_deployment_by_name("hello/one")
        client.update_deployment_schedule(before.id, before.schedules[0].id, active=False)
        waiting = client.create_flow_run_from_deployment(before.id)
        assert "is unchanged" in run("deploy", "--all").out
        write(ONE.replace('"0 8', '"0 9'))
        assert "updated" in run("deploy", "--all").out
        (after,) = client.read_deployment_by_name("hello/one").schedules
        assert (after.id, after.active, after.schedule.cron) == (before.schedules[0].id, False, "0 9 * * *")  # pyright: ignore
        assert client.read_flow_run(waiting.id).state.is_scheduled()  # pyright: ignore
        write(ONE.replace("slug: daily", "slug: daily\n        active: true"))
        run("deploy", "--all")
        assert client.read_deployment_by_name("hello/one").schedules[0].active

    @pytest.mark.parametrize(("clears", "left"), [("false", 1), ("true", 0)])
    def test_empty_schedules_clear_when_the_setting_is_on(
        self, run: Run, client: SyncPrefectClient, monkeypatch: pytest.MonkeyPatch, clears: str, left: int
    ):
        monkeypatch.setenv("PREFECT_DEPLOYMENTS_CLEAR_SCHEDULES_ON_EMPTY", clears)
        write(ONE)
        run("deploy", "--all")
        write(ONE.partition("      schedules:")[0] + "      schedules: []\n")
        run("deploy", "--all")
        assert len(client.read_deployment_by_name("hello/one").schedules) == left

    def test_default_work_pool_is_used(self, run: Run, client: SyncPrefectClient, monkeypatch: pytest.MonkeyPatch):
        write("deployments: [{name: one, entrypoint: 'flows.py:hello'}]")
        outcome = run("deploy")
        assert (outcome.code, "'hello/one' has no work pool" in outcome.err) == (0, True)
        monkeypatch.setenv("PREFECT_DEPLOYMENTS_DEFAULT_WORK_POOL_NAME", "pool")
        run("deploy")
        assert client.read_deployment_by_name("hello/one").work_pool_name == "pool"

    def test_triggers_become_automations(self, run: Run, client: SyncPrefectClient):
        text = (
            ONE
            + """
      triggers:
      - {type: event, expect: [order.paid], match: {prefect.resource.id: "order.*"}, parameters: {x: "{{ event.id }}"}}
      - {type: event, name: mine, expect: [b]}
"""
        )
        write(text)
        run("deploy")
        deployment = client.read_deployment_by_name("hello/one")
        first = {
            each.name: each for each in client.read_resource_related_automations(f"prefect.deployment.{deployment.id}")
        }
        assert set(first) == {"one__automation_1", "mine"}
        assert first["one__automation_1"].actions[0].parameters == {"x": "{{ event.id }}"}  # pyright: ignore
        client.pause_automation(first["mine"].id)
        assert "is unchanged" in run("deploy").out
        write(text.replace("order.paid", "order.sent"))
        assert run("deploy", "--plan").code == 2
        run("deploy")
        again = {
            each.name: each for each in client.read_resource_related_automations(f"prefect.deployment.{deployment.id}")
        }
        assert again["one__automation_1"].trigger.expect == {"order.sent"}  # pyright: ignore
        assert not again["mine"].enabled


class TestTemplates:
    def test_secrets_stay_placeholders_in_job_variables(self, run: Run, client: SyncPrefectClient, monkeypatch):
        Secret(value="hush").save("token")
        variables.Variable.set("region", "eu")
        monkeypatch.setenv("STAGE", "test")
        write("""
            deployments:
            - name: one
              entrypoint: flows.py:hello
              description: "{{ $STAGE }} in {{ prefect.variables.region }}"
              parameters: {y: "{{ prefect.blocks.secret.token }}"}
              work_pool:
                name: pool
                job_variables:
                  env:
                    T: "{{ prefect.blocks.secret.token }}"
                    R: "{{ prefect.variables.region }}"
                    N: "{{ ctx.flow.name }}"
              pull:
              - prefect.deployments.steps.git_clone:
                  repository: "{{ $STAGE }}"
                  access_token: "{{ prefect.blocks.secret.token }}"
        """)
        assert run("deploy").code == 0
        found = client.read_deployment_by_name("hello/one")
        assert (found.description, found.parameters) == ("test in eu", {"y": "hush"})
        env = {"T": "{{ prefect.blocks.secret.token }}", "R": "eu", "N": "{{ ctx.flow.name }}"}
        assert found.job_variables == {"env": env}
        step = {"repository": "test", "access_token": "{{ prefect.blocks.secret.token }}"}
        assert found.pull_steps == [{"prefect.deployments.steps.git_clone": step}]
        write(Path("prefect.yaml").read_text().replace("y: ", "x: 3, y: "))
        assert "hush" not in run("deploy", "--plan").out + run("deploy", "--plan", "-o", "json").out

    def test_outputs_of_steps_are_filled_in(self, run: Run, client: SyncPrefectClient):
        write("""
            build:
            - prefect.deployments.steps.run_shell_script: {id: image, script: echo img:1}
            push:
            - prefect.deployments.steps.run_shell_script: {id: digest, script: "echo sha-{{ image.stdout }}"}
            deployments:
            - name: one
              entrypoint: flows.py:hello
              version: "{{ digest.stdout }}"
              work_pool: {name: pool, job_variables: {env: {IMAGE: "{{ image.stdout }}"}}}
            - name: two
              entrypoint: flows.py:hello
              push: null
              description: "{{ image.stdout }}"
        """)
        outcome = run("deploy", "--all")
        assert outcome.out.count("Running deployment build steps") == 1  # shared by both
        one, two = (client.read_deployment_by_name(f"hello/{name}") for name in ("one", "two"))
        assert (one.version, one.job_variables) == ("sha-img:1", {"env": {"IMAGE": "img:1"}})
        assert two.description == "img:1"
        assert run("deploy", "--all", "--plan").code == 0  # outputs that are not known yet are no change

    def test_failing_step_leaves_all_deployments_as_they_are(self, run: Run, client: SyncPrefectClient):
        write(
            ONE
            + """
    - name: two
      entrypoint: flows.py:hello
      build: [{prefect.deployments.steps.run_shell_script: {script: ls /no-such-file}}]
"""
        )
        outcome = run("deploy", "--all")
        assert outcome.code == 1
        assert "prefect.yaml:15:11: Encountered error while running" in outcome.err
        assert client.read_deployments() == []

    def test_placeholder_without_a_value_is_named(self, run: Run, client: SyncPrefectClient):
        write(ONE + "      description: 'a {{ nope }} b'\n")
        outcome = run("deploy")
        assert "prefect.yaml:12:3: The placeholder {{ nope }} has no value and is left out." in outcome.err
        assert client.read_deployment_by_name("hello/one").description == "a  b"


class TestPlan:
    def test_plan_changes_nothing_and_exits_with_2_for_changes(self, run: Run, client: SyncPrefectClient):
        write(ONE)
        outcome = run("deploy", "--all", "--plan")
        assert (outcome.code, client.read_deployments()) == (2, [])
        assert "1 to create, 0 to update, 0 to delete, 0 unchanged." in outcome.out
        run("deploy", "--all")
        assert run("deploy", "--all", "--plan").code == 0

    def test_plan_shows_each_change(self, run: Run, client: SyncPrefectClient):
        write(ONE)
        run("deploy", "--all")
        write(ONE.replace('"0 8', '"0 9') + "      tags: [new]\n")
        (plan,) = run("deploy", "--all", "--plan", "-o", "json").json
        assert (plan["name"], plan["action"]) == ("hello/one", "update")
        assert plan["fields"] == {"tags": {"before": [], "after": ["new"]}}
        assert [(each["action"], each["slug"]) for each in plan["schedules"]] == [("update", "daily")]
        assert "cron: 0 8 * * *" in run("deploy", "--all", "--plan").out

    def test_plan_shows_a_change_of_the_time_zone(self, run: Run, client: SyncPrefectClient):
        write(ONE)
        run("deploy", "--all")
        write(ONE.replace("Europe/Berlin", "Asia/Tokyo"))
        shown = run("deploy", "--all", "--plan").out
        assert "cron: 0 8 * * * (Europe/Berlin)" in shown and "cron: 0 8 * * * (Asia/Tokyo)" in shown

    def test_prune_deletes_what_the_file_no_longer_has(self, run: Run, client: SyncPrefectClient):
        flow_id = client.create_flow_from_name("hello")
        client.create_deployment(flow_id, "by-hand")
        write(ONE + "    - {name: two, entrypoint: 'flows.py:hello'}\n")
        run("deploy", "--all")
        write(ONE)
        outcome = run("deploy", "--all", "--plan", "--prune")
        assert (outcome.code, "- delete" in outcome.out) == (2, True)
        outcome = run("deploy", "--all", "--prune")
        assert (outcome.code, "--prune asks before it deletes 'hello/two'" in outcome.err) == (1, True)
        assert len(client.read_deployments()) == 3
        assert "Deleted deployment 'hello/two'." in run("--no-prompt", "deploy", "--all", "--prune").out
        assert {each.name for each in client.read_deployments()} == {"by-hand", "one"}


class TestChoosing:
    THREE = """
        deployments:
        - {name: daily-a, entrypoint: 'flows.py:hello'}
        - {name: daily-b, entrypoint: 'flows.py:other', flow_name: greet}
        - {name: weekly, entrypoint: 'flows.py:hello'}
    """

    @pytest.mark.parametrize(
        ("patterns", "names"),
        [
            (["weekly"], {"weekly"}),
            (["daily-*"], {"daily-a", "daily-b"}),
            (["greet/*"], {"daily-b"}),
            (["hello/daily-a", "weekly"], {"daily-a", "weekly"}),
            (["*"], {"daily-a", "daily-b", "weekly"}),
        ],
    )
    def test_names_and_patterns_select(self, run: Run, client: SyncPrefectClient, patterns: list[str], names: set[str]):
        write(self.THREE)
        assert run("deploy", *(arg for pattern in patterns for arg in ("-n", pattern))).code == 0
        assert {each.name for each in client.read_deployments()} == names

    def test_several_need_a_choice(self, prefect: Prefect):
        write(self.THREE)
        prefect("deploy", code=1, error="prefect.yaml has 3 deployments: name some with -n, or pass --all.")
        prefect("deploy", "-n", "no", code=1, error="prefect.yaml has no deployment 'no'. There is: 'daily-a',")

    def test_entrypoint_needs_no_file(self, run: Run, client: SyncPrefectClient):
        outcome = run(
            *("deploy", "flows.py:hello", "-n", "cli", "-p", "pool", "-q", "fast", "--cron", "0 1 * * *", "--timezone"),
            *("Asia/Tokyo", "--interval", "60", "--anchor-date", "2026-01-01", "-t", "x", "-jv", 'env={"A": "1"}'),
            *("--param", "x=3", "--param", "y=text", "--concurrency-limit", "2", "--collision-strategy", "CANCEL_NEW"),
            *("-d", "text", "--version", "9", "--no-enforce-parameter-schema", "--trigger", '{"expect": ["a"]}'),
        )
        assert outcome.code == 0, outcome.err
        found = client.read_deployment_by_name("hello/cli")
        assert (found.parameters, found.tags, found.version) == ({"x": 3, "y": "text"}, ["x"], "9")
        assert (found.work_queue_name, found.job_variables) == ("fast", {"env": {"A": "1"}})
        assert {each.schedule.timezone for each in found.schedules} == {"Asia/Tokyo"}
        assert not found.enforce_parameter_schema
        assert len(client.read_resource_related_automations(f"prefect.deployment.{found.id}")) == 1

    def test_options_replace_values_of_the_file(self, run: Run, client: SyncPrefectClient):
        write(ONE + "      parameters: {x: 1, y: a}\n      description: old\n")
        assert run("deploy", "-n", "one", "--param", "x=2", "-d", "new", "--cron", "0 5 * * *").code == 0
        found = client.read_deployment_by_name("hello/one")
        assert (found.parameters, found.description, len(found.schedules)) == ({"x": 2, "y": "a"}, "new", 2)

    def test_options_are_ignored_for_several(self, run: Run, client: SyncPrefectClient):
        write(self.THREE)
        outcome = run("deploy", "--all", "-d", "new")
        assert "The options are ignored, because 3 deployments are deployed." in outcome.err
        assert client.read_deployment_by_name("hello/weekly").description == "Says hello."

    @pytest.mark.parametrize(
        ("arguments", "error"),
        [
            (["--prune"], "--prune needs --all"),
            (["--all", "-n", "x"], "Pass either --all, or names"),
            (["flows.py:hello", "-n", "a", "-n", "b"], "Pass one --name"),
            (["flows.py:hello", "--param", "x=1", "--params", "{}"], "Pass either --param or --params"),
            (["flows.py:hello", "--timezone", "UTC"], "--timezone needs"),
            (["flows.py:hello", "--anchor-date", "2026-01-01"], "--anchor-date needs --interval"),
            (["flows.py:hello", "--collision-strategy", "ENQUEUE"], "--collision-strategy needs"),
            (["flows.py:hello", "--trigger", "nope.yaml"], "--trigger: the file 'nope.yaml' cannot be read"),
            (["flows.py:hello", "--trigger", "{"], "--trigger expects JSON or a file"),
            (
                ["flows.py:hello", "--sla", '{"name": "x"}'],
                "deployment 'default': Service level agreements are a feature",
            ),
            (["flows.py:hello", "--cron", "nope"], "deployment 'default': "),
            (["flows.py:hello", "-p", "nope"], "deployment 'default': There is no work pool 'nope'"),
            (["flows.py:nope"], "deployment 'default': 'flows.py:nope' cannot be loaded: Function with name 'nope'"),
            (["nope.py:f"], "deployment 'default': There is no file 'nope.py'"),
            ([], "An entrypoint is needed: there are no deployments in prefect.yaml."),
            (["--all"], "prefect.yaml has no deployments to deploy"),
            (["--all", "--prefect-file", "other.yaml"], "There is no file 'other.yaml'."),
        ],
    )
    def test_wrong_arguments_are_one_line(self, prefect: Prefect, arguments: list[str], error: str):
        prefect("deploy", *arguments, code=1, error=error)


STEPS = "prefect.deployments.steps"


class TestMistakesInTheFile:
    """Each is one line with file, line and column, exit code 1, and nothing is created."""

    CASES = {
        "a: [1": "1:6: This is not valid YAML: ",
        "deployments: {a: 1}": "1:1: 'deployments' must be a list of deployments",
        "deployments:\n- name: [1]": "2:3: 'name' must be the name of the deployment",
        "deployments:\n- name: a\n  name: b": "3:3: This is not valid YAML: found duplicate key",
        "deployments:\n- name: a": "2:3: The deployment 'a' needs an `entrypoint`",
        "deployments:\n- entrypoint: flows.py:hello": "2:3: A deployment needs a `name`",
        "deployments:\n- name: a\n  entrypoint: nope.py:x": "3:3: There is no file 'nope.py'",
        "deployments:\n- name: a\n  entrypoint: flow.py:x": "3:3: There is no file 'flow.py'. Did you mean 'flows.py'?",
        "deployments:\n- name: a\n  entrypoint: flows.py:x": "3:3: 'flows.py:x' cannot be loaded",
        "deployments:\n- name: a\n  entrypoint: flows.py:helo": "not found in 'flows.py'. Did you mean 'hello'?",
        "deployments:\n- name: a\n  entrypoint: flows.py": "names no flow: add its function, as in 'flows.py:hello'.",
        "{name: a, FLOW, work_pool: {name: pol}}": "`prefect work-pool create pol`. Did you mean 'pool'?",
        "build: [{STEPS.git_clon: {}}]\ndeployments: [{name: a, FLOW}]": "There is no step 'STEPS.git_clon'. Did you",
        "{name: a, FLOW, pull: [{STEPS.git_clone: {}}]}": "The step 'git_clone' needs the input 'repository'",
        "{name: a, FLOW, push: {STEPS.run_shell_script: {scrip: ls}}}": "has no input 'scrip', but script, directory,",
        "{name: a, FLOW, pull: [{nodots: {}}]}": "The step 'nodots' is not a function",
        "deployments:\n- name: a\n  entrypoint: nope.mod:x": "3:3: 'nope.mod:x' cannot be loaded: No module named",
        "{name: a, FLOW, work_pool: {name: nope}}": "There is no work pool 'nope'",
        "{name: a, FLOW, work_pool: {work_queue_name: q}}": "A work queue needs a work pool",
        "{name: a, FLOW, parameters: {z: 1}}": "The flow 'hello' has no parameter 'z'; it has 'x', 'y'",
        "{name: a, FLOW, parameters: {x: text}}": "The parameter 'x' is not valid: 'text' is not of type",
        "{name: a, FLOW, schedules: [{cron: nope}]}": "nope",
        "{name: a, FLOW, schedules: [{cron: '* * * * *', timezone: Mars/X}]}": "'Mars/X' is not a time zone",
        "{name: a, FLOW, schedules: [{rrule: FREQ=NO}]}": "FREQ=NO",
        "{name: a, FLOW, schedules: [{interval: -5}]}": "greater than",
        "{name: a, FLOW, schedules: [{}]}": "A schedule has one of cron, interval and rrule",
        "{name: a, FLOW, schedules: [{crn: x}]}": "The key 'crn' is not known here",
        "{name: a, FLOW, description: '{{ prefect.blocks.secret.gone }}'}": "There is no block secret/gone",
        "{name: a, FLOW, triggers: [{type: nope}]}": "There are no triggers of the type 'nope'",
        "{name: a, FLOW, triggers: [{threshold: x}]}": "'threshold' is not valid",
        "{name: a, FLOW, triggers: [{expects: [x]}]}": "Triggers have no key 'expects'. Did you mean 'expect'?",
        "{name: a, FLOW, version_type: nope}": "The version type 'nope' is not known",
        "{name: a, FLOW, flow_name: nope}": "is named 'hello', not 'nope'",
        "{name: a, FLOW}\n- {name: a, FLOW}": "3:4: The name 'a' is used for the same flow in line 2",
        "{name: a, FLOW, build: [{a.b: {}, c.d: {}}]}": "must be a mapping with one key",
        "{name: a, FLOW, sla: [{name: x}]}": "Service level agreements",
    }

    @pytest.mark.parametrize(("text", "error"), CASES.items())
    def test_mistake_is_one_line_with_its_place(self, run: Run, client: SyncPrefectClient, text: str, error: str):
        text = text.replace("FLOW", "entrypoint: flows.py:hello").replace("STEPS", STEPS)
        write(f"deployments:\n- {text}" if text.startswith("{name: a, ") else text)
        outcome = run("deploy", "--all")
        assert (outcome.code, outcome.err.count("\n")) == (1, 1), outcome.err
        assert outcome.err.startswith("Error: prefect.yaml:")
        assert error.replace("STEPS", STEPS) in outcome.err
        assert client.read_deployments() == []

    def test_flow_that_raises_is_named(self, run: Run, program: Path):
        program.write_text("x = 1 / 0\nhello = x")
        write("deployments: [{name: a, entrypoint: 'flows.py:hello'}]")
        assert "1:25: 'flows.py:hello' cannot be loaded: ZeroDivisionError: division by zero" in run("deploy").err

    def test_misspelt_key_is_a_warning(self, run: Run, client: SyncPrefectClient):
        write(ONE + "      scheduels: []\n")
        outcome = run("deploy")
        assert (outcome.code, "Did you mean 'schedules'?" in outcome.err) == (0, True)


def test_with_a_file_elsewhere(run: Run, client: SyncPrefectClient, tmp_path: Path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/other.yaml").write_text(textwrap.dedent(ONE))
    assert run("deploy", "--prefect-file", "sub/other.yaml", "--all").code == 0
    assert client.read_deployment_by_name("hello/one")


def test_version_of_git_is_recorded(run: Run, client: SyncPrefectClient):
    from tests.git_server import git

    git("init", "-q", "-b", "main", ".")
    git("commit", "-q", "--allow-empty", "-m", "first")
    write(ONE + "      version_type: vcs:git\n")
    assert run("deploy").code == 0
    commit = git("rev-parse", "HEAD").strip()
    assert client.read_deployment_by_name("hello/one").version == commit[:8]
    assert run("deploy", "--plan").code == 0
