"""Types that modules of settings need of modules above them. Nothing imports this module at run time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol


class DeclaredSetting(Protocol):
    """A setting, by the names under which a source may hold it."""

    @property
    def names(self) -> Sequence[str]: ...
    @property
    def path(self) -> Sequence[str]: ...


class GroupShape(Protocol):
    @property
    def leaves(self) -> Mapping[str, DeclaredSetting]: ...


class SettingsGroup(Protocol):
    """A group of settings, as a source sees it."""

    @classmethod
    def shape(cls) -> GroupShape: ...


class APIGroup(Protocol):
    @property
    def url(self) -> str | None: ...


class CloudGroup(Protocol):
    @property
    def max_log_size(self) -> int: ...


class FlowsGroup(Protocol):
    @property
    def heartbeat_frequency(self) -> int | None: ...


class ServerAPIGroup(Protocol):
    @property
    def host(self) -> str: ...
    @property
    def port(self) -> int: ...


class ServerGroup(Protocol):
    @property
    def api(self) -> ServerAPIGroup: ...


class TestingGroup(Protocol):
    @property
    def test_mode(self) -> bool: ...


class SettingsTree(Protocol):
    """The settings from which other settings are derived."""

    @property
    def api(self) -> APIGroup: ...
    @property
    def cloud(self) -> CloudGroup: ...
    @property
    def connected_to_cloud(self) -> bool: ...
    @property
    def debug_mode(self) -> bool: ...
    @property
    def flows(self) -> FlowsGroup: ...
    @property
    def home(self) -> Path: ...
    @property
    def plugins(self) -> Any: ...
    @property
    def profiles_path(self) -> Path: ...
    @property
    def server(self) -> ServerGroup: ...
    @property
    def testing(self) -> TestingGroup: ...


class CurrentContext(Protocol):
    """The settings that apply, and the profile they were read with."""

    @property
    def settings(self) -> SettingsTree: ...
    @property
    def profile(self) -> Any: ...
