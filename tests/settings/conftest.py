"""A fixture that writes settings to each of their sources."""

from collections.abc import Callable
from pathlib import Path

import pytest

from prefect.settings import Settings

Load = Callable[..., Settings]


@pytest.fixture(autouse=True)
def no_certificates_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch, home: Path) -> Load:
    """Write files (`profiles` is the home's), set variables, and load all settings."""

    def load(files: dict[str, str] | None = None, **variables: str) -> Settings:
        for name, text in (files or {}).items():
            path = home / "profiles.toml" if name == "profiles" else Path(name)
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        return Settings()

    return load
