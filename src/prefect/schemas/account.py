"""Models of the account and the installation: workspaces, allowlists, saved searches, server configuration."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from pydantic import Field, IPvAnyNetwork

from prefect.schemas import providers
from prefect.schemas.base import ObjectBaseModel, PrefectBaseModel
from prefect.types._annotated import AwareDateTime


class Workspace(PrefectBaseModel):
    """A workspace of the cloud."""

    account_id: UUID
    account_name: str
    account_handle: str
    workspace_id: UUID
    workspace_name: str
    workspace_description: str
    workspace_handle: str

    @property
    def handle(self) -> str:
        """Return the full name: the handles of the account and of the workspace."""
        return f"{self.account_handle}/{self.workspace_handle}"

    def api_url(self) -> str:
        """Return the address of the workspace's API."""
        base = providers.settings.get_current_settings().cloud.api_url
        return f"{base}/accounts/{self.account_id}/workspaces/{self.workspace_id}"

    def ui_url(self) -> str:
        """Return the address of the workspace's web page."""
        base = providers.settings.get_current_settings().cloud.ui_url
        return f"{base}/account/{self.account_id}/workspace/{self.workspace_id}"

    def __hash__(self) -> int:
        return hash(self.handle)


class IPAllowlistEntry(PrefectBaseModel):
    """A network that may access the account."""

    ip_network: IPvAnyNetwork
    enabled: bool
    description: str | None = None
    last_seen: str | None = None


class IPAllowlist(PrefectBaseModel):
    """The networks that may access the account."""

    entries: list[IPAllowlistEntry]


class IPAllowlistMyAccessResponse(PrefectBaseModel):
    """The answer to whether the caller may access the account."""

    allowed: bool
    detail: str


class CsrfToken(ObjectBaseModel):
    """A token that protects a client against forged requests, with its expiration."""

    token: str
    client: str
    expiration: AwareDateTime


class Configuration(ObjectBaseModel):
    """A configuration value that the server stores."""

    key: str
    value: dict[str, Any]


class SavedSearchFilter(PrefectBaseModel):
    """A condition of a saved search."""

    object: str
    property: str
    type: str
    operation: str
    value: Any


class SavedSearch(ObjectBaseModel):
    """A saved search."""

    name: str
    filters: list[SavedSearchFilter] = Field(default_factory=list[SavedSearchFilter])


class ServerDefaultResultStorage(PrefectBaseModel):
    """The default block for storing results."""

    default_result_storage_block_id: UUID | None = None


class ServerDefaultResultStorageUpdate(PrefectBaseModel):
    """A new default block for results."""

    default_result_storage_block_id: UUID
