"""Parsing, validation errors and derived values of settings."""

from datetime import timedelta
from pathlib import Path

import pytest

from prefect.settings import Settings, SettingsError, get_current_settings, temporary_settings
from prefect.settings.legacy import value_at


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("client.retry_extra_codes", "400,401", {400, 401}),
        ("client.retry_extra_codes", " 400 , 500", {400, 500}),
        ("client.retry_extra_codes", "", set()),
        ("client.retry_extra_codes", "[400]", {400}),
        ("client.custom_headers", '{"a": "b"}', {"a": "b"}),
        ("logging.extra_loggers", "a, b", ["a", "b"]),
        ("logging.extra_loggers", '["a", "b"]', ["a", "b"]),
        ("logging.extra_loggers", "", []),
        ("logging.level", "debug", "DEBUG"),
        ("plugins.allow", "a,b", {"a", "b"}),
        ("tasks.default_retry_delay_seconds", "1", 1),
        ("tasks.default_retry_delay_seconds", "1.5", 1.5),
        ("tasks.default_retry_delay_seconds", "1,2,3", [1.0, 2.0, 3.0]),
        ("tasks.default_retry_delay_seconds", "[1]", [1.0]),
        ("tasks.default_retry_delay_seconds", "", None),
        ("flows.default_retry_delay_seconds", "[1,2]", [1.0, 2.0]),
        ("server.services.db_vacuum.enabled", "true", True),
        ("server.services.db_vacuum.enabled", "", False),
        ("server.services.db_vacuum.enabled", "null", {"events"}),
        ("server.services.db_vacuum.enabled", "events,flow_runs", {"events", "flow_runs"}),
        ("server.services.db_vacuum.event_retention_overrides", '{"a": "P1D"}', {"a": timedelta(days=1)}),
        ("server.services.late_runs.after_seconds", "60", timedelta(seconds=60)),
        ("server.services.late_runs.after_seconds", "2 days", timedelta(days=2)),
        ("server.services.late_runs.after_seconds", "PT2H", timedelta(hours=2)),
        ("testing.test_setting", '{"a":1}', '{"a":1}'),
        ("api.url", "", ""),
        ("cli.colors", "off", False),
    ],
)
def test_setting_parses_text(load, name: str, text: str, value: object):
    settings = load(**{"PREFECT_" + name.upper().replace(".", "_"): text})
    assert value_at(settings, name) == value


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("TASKS_DEFAULT_RETRIES", "-3", "is '-3' (from the environment), but it should be greater than or equal to 0."),
        ("TASKS_DEFAULT_RETRIES", "x", "is 'x' (from the environment), but it should be a valid integer."),
        (
            "LOGGING_LEVEL",
            "foo",
            "is 'foo' (from the environment), but it should be 'DEBUG', 'INFO', 'WARNING', 'ERROR' or 'CRITICAL'.",
        ),
        ("CLIENT_CUSTOM_HEADERS", "a=b", "is 'a=b' (from the environment), but it should be a JSON object."),
        (
            "SERVER_SERVICES_DB_VACUUM_ENABLED",
            "foo",
            "is 'foo' (from the environment), but 'foo' is not one of events, flow_runs, orphans.",
        ),
        (
            "SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD",
            "3600",
            "is '3600' (from the environment), but it should be greater than 1 hour.",
        ),
    ],
)
def test_invalid_value_error_is_one_sentence(load, name: str, text: str, expected: str):
    with pytest.raises(SettingsError) as caught:
        load(**{"PREFECT_" + name: text})
    assert str(caught.value) == f"PREFECT_{name} {expected}"


@pytest.mark.parametrize(
    ("files", "origin"),
    [
        ({"prefect.toml": "[tasks]\ndefault_retries = 'x'"}, "default_retries of [tasks] in prefect.toml"),
        (
            {"pyproject.toml": "[tool.prefect.tasks]\ndefault_retries = 'x'"},
            "default_retries of [tool.prefect.tasks] in pyproject.toml",
        ),
        ({".env": "PREFECT_TASK_DEFAULT_RETRIES=x"}, "PREFECT_TASK_DEFAULT_RETRIES in .env"),
        (
            {"profiles": 'active = "a"\n[profiles.a]\nPREFECT_TASKS_DEFAULT_RETRIES = "x"'},
            "the profile 'a'",
        ),
    ],
)
def test_invalid_value_error_names_source(load, files: dict[str, str], origin: str):
    with pytest.raises(SettingsError) as caught:
        load(files)
    assert str(caught.value) == (
        f"PREFECT_TASKS_DEFAULT_RETRIES is 'x' (from {origin}), but it should be a valid integer."
    )


def test_secret_is_hidden_in_error_and_repr(load):
    with pytest.raises(SettingsError) as caught:
        load({"prefect.toml": '[api]\nkey = ["hunter2"]'})
    assert "PREFECT_API_KEY is ********** (from key of [api] in prefect.toml)" in str(caught.value)
    settings = Settings(api={"key": "hunter2"}, server={"database": {"connection_url": "sqlite://hunter2"}})
    assert "hunter2" not in repr(settings) + str(settings)


def test_invalid_value_raises_only_when_group_is_read(load, monkeypatch):
    monkeypatch.setenv("PREFECT_WORKER_QUERY_SECONDS", "soon")
    assert get_current_settings().tasks.default_retries == 0
    with pytest.raises(SettingsError, match="PREFECT_WORKER_QUERY_SECONDS is 'soon'"):
        get_current_settings().worker


def test_settings_error_lists_all_invalid_values_of_group(load):
    with pytest.raises(SettingsError) as caught:
        load(PREFECT_TASKS_DEFAULT_RETRIES="x", PREFECT_TASKS_REFRESH_CACHE="maybe")
    assert [line.split()[0] for line in str(caught.value).splitlines()] == [
        "PREFECT_TASKS_DEFAULT_RETRIES",
        "PREFECT_TASKS_REFRESH_CACHE",
    ]


def test_max_log_size_must_not_exceed_batch_size(load):
    with pytest.raises(SettingsError, match=r"MAX_LOG_SIZE is 20, but it must not be larger than .* which is 10"):
        load(PREFECT_LOGGING_TO_API_BATCH_SIZE="10", PREFECT_LOGGING_TO_API_MAX_LOG_SIZE="20")


@pytest.mark.parametrize("name", ["PREFECT_DEBUG_MODE", "PREFECT_TEST_MODE"])
def test_logging_level_is_debug_in_debug_and_test_mode(load, name: str):
    settings = load(PREFECT_LOGGING_LEVEL="ERROR", **{name: "1"})
    assert settings.logging.level == settings.internal.logging_level == "DEBUG"


@pytest.mark.parametrize(
    ("url", "cloud", "expected"),
    [
        ("http://h:4200/api", None, "http://h:4200"),
        ("http://h:4200/api/", None, "http://h:4200/"),
        (
            "https://api.prefect.cloud/api/accounts/a/workspaces/b",
            None,
            "https://app.prefect.cloud/account/a/workspace/b",
        ),
        ("https://api.x.dev/api/accounts/a", "https://api.x.dev/api", "https://api.x.dev/account/a"),
        ("http://h:4200/api", "https://foo.bar/api", "http://h:4200"),
    ],
)
def test_ui_url_follows_api_url(load, url: str, cloud: str | None, expected: str):
    variables = {"PREFECT_API_URL": url} | ({"PREFECT_CLOUD_API_URL": cloud} if cloud else {})
    settings = load(**variables)
    assert settings.ui_url == expected
    assert settings.server.ui.api_url == url


def test_ui_api_url_is_local_server_when_api_url_is_unset(load):
    settings = load(PREFECT_SERVER_API_PORT="4000")
    assert (settings.ui_url, settings.server.ui.api_url) == (None, "http://127.0.0.1:4000/api")
    assert not settings.connected_to_cloud


def test_max_log_size_is_limited_when_connected_to_cloud(load):
    settings = load(PREFECT_API_URL="https://api.prefect.cloud/api/accounts/a")
    assert settings.connected_to_cloud
    assert settings.logging.to_api.max_log_size == 25_000


def test_paths_follow_home(load, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    settings = load(
        PREFECT_HOME="~/mine", PREFECT_PROFILES_PATH="$PREFECT_HOME/p.toml", PREFECT_LOCAL_STORAGE_PATH="/elsewhere"
    )
    mine = tmp_path / "mine"
    assert settings.home == mine
    assert settings.profiles_path == mine / "p.toml"
    assert settings.logging.config_path == mine / "logging.yml"
    assert settings.server.memo_store_path == mine / "memo_store.toml"
    assert settings.results.local_storage_path == Path("/elsewhere")
    with temporary_settings({"home": tmp_path / "other"}) as changed:
        assert changed.logging.config_path == tmp_path / "other" / "logging.yml"


def database(settings: Settings) -> str:
    url = settings.server.database.connection_url
    assert url is not None
    return url.get_secret_value()


def test_database_is_in_home_by_default(load, home):
    assert database(load()) == f"sqlite+aiosqlite:///{home}/pluperfect.db"


def test_connection_url_is_built_from_parts(load):
    parts = {"DRIVER": "postgresql+asyncpg", "HOST": "h", "USER": "u", "NAME": "n", "PASSWORD": "p@ss"}
    settings = load(**{f"PREFECT_SERVER_DATABASE_{name}": value for name, value in parts.items()})
    assert database(settings) == "postgresql+asyncpg://u:p%40ss@h:5432/n"


def test_connection_url_raises_when_parts_are_missing(load):
    with pytest.raises(SettingsError, match="also needs PREFECT_SERVER_DATABASE_USER, PREFECT_SERVER_DATABASE_NAME"):
        load(PREFECT_SERVER_DATABASE_DRIVER="postgresql+asyncpg", PREFECT_SERVER_DATABASE_HOST="h")


def test_connection_url_is_built_from_parts_for_sqlite(load):
    settings = load(PREFECT_SERVER_DATABASE_DRIVER="sqlite+aiosqlite", PREFECT_SERVER_DATABASE_NAME="/x/n.db")
    assert database(settings) == "sqlite+aiosqlite:////x/n.db"


@pytest.mark.parametrize("name", ["API", "SERVER"])
def test_password_replaces_its_template(load, name: str):
    template = f"postgresql+asyncpg://u:${{PREFECT_{name}_DATABASE_PASSWORD}}@h/d"
    settings = load(PREFECT_API_DATABASE_CONNECTION_URL=template, PREFECT_API_DATABASE_PASSWORD="pw")
    assert database(settings) == "postgresql+asyncpg://u:pw@h/d"


@pytest.mark.parametrize(
    ("api", "pages"),
    [
        ("https://api.prefect.cloud/api", "https://app.prefect.cloud"),
        ("https://api.eu.prefect.cloud/api", "https://app.eu.prefect.cloud"),
        ("https://api.stg.prefect.dev:8443/api", "https://app.stg.prefect.dev:8443"),
        ("https://api.example.com/api", "https://api.example.com"),
        ("https://prefect.example.com/api", "https://prefect.example.com"),
        ("https://api.prefect.cloud.example.com/api", "https://api.prefect.cloud.example.com"),
        ("http://api.internal:4200/api", "http://api.internal:4200"),
        ("https://prefect.corp/sub/api", "https://prefect.corp/sub"),
    ],
)
def test_cloud_ui_url_keeps_custom_hosts(load, api: str, pages: str):
    settings = load(PREFECT_CLOUD_API_URL=api, PREFECT_API_URL=f"{api}/accounts/1/workspaces/2")
    assert settings.cloud.ui_url == pages
    assert settings.ui_url == f"{pages}/account/1/workspace/2"


def test_password_warns_when_url_has_no_template(load):
    with pytest.warns(UserWarning, match="the password is not used"):
        load(PREFECT_API_DATABASE_CONNECTION_URL="postgresql://u@h/d", PREFECT_API_DATABASE_PASSWORD="pw")


def test_ssl_cert_file_reads_standard_variable(load):
    assert load(SSL_CERT_FILE="/x.crt").api.ssl_cert_file == "/x.crt"
    assert load(PREFECT_API_SSL_CERT_FILE="/y.crt").api.ssl_cert_file == "/y.crt"


def test_enabled_vacuum_types_follow_text(load):
    def removed(text: str) -> set[str]:
        settings = load(PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED=text)
        return settings.server.services.db_vacuum.enabled_vacuum_types

    assert removed("true") == removed("events,flow_runs") == {"events", "flow_runs", "orphans"}
    assert removed("false") == removed("events") == {"events"}


def test_moved_settings_warn_deprecation(load):
    settings = load(PREFECT_RUNNER_HEARTBEAT_FREQUENCY="40", PREFECT_EXPERIMENTS_PLUGINS_STRICT="1")
    with pytest.warns(DeprecationWarning, match="flows.heartbeat_frequency"):
        assert settings.runner.heartbeat_frequency == 40
    with pytest.warns(DeprecationWarning, match="settings.plugins"):
        assert settings.experiments.plugins.strict
