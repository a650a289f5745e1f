"""Injection of clients, and the server type that the settings select."""

from pathlib import Path
from typing import Any

from prefect.client import orchestration
from prefect.client.base import ServerType, determine_server_type
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.utilities import client_injector, get_or_create_client, inject_client
from prefect.settings import PREFECT_API_URL, temporary_settings


async def test_client_is_created_when_none_is_passed(home: Path) -> None:
    @inject_client
    async def count(more: int, client: Any = None) -> int:
        return more + await client.count_flow_runs()

    @client_injector
    async def count_with(client: PrefectClient, more: int) -> int:
        return more + await client.count_flow_runs()

    mine = get_client()
    assert await count(1) == await count(1, client=None) == await count(1, client=mine) == await count_with(1) == 1
    assert get_or_create_client(mine) == (mine, True)
    assert get_or_create_client()[1] is False


def test_determine_server_type_follows_the_api_url() -> None:
    assert determine_server_type() is get_client().server_type is ServerType.EPHEMERAL
    with temporary_settings({PREFECT_API_URL: "http://localhost:4200/api"}):
        assert determine_server_type() is ServerType.SERVER
    with temporary_settings({PREFECT_API_URL: "https://api.prefect.cloud/api/accounts/1"}):
        assert determine_server_type() is ServerType.CLOUD


def test_orchestration_module_reexports_names() -> None:
    for names in orchestration._EXPORTS.values():
        for name in names.split():
            assert getattr(orchestration, name).__name__ == name
