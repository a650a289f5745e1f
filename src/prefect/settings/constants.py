"""Default paths, and the profiles included in the package."""

from __future__ import annotations

import os.path
from collections.abc import Mapping
from pathlib import Path

DEFAULT_PREFECT_HOME = Path(os.path.expanduser("~")) / ".prefect"
"""The home of a user who has set no `PREFECT_HOME`."""

DEFAULT_PROFILES_PATH = Path(__file__).parent / "profiles.toml"
"""The profiles included in the package, as a file to read and to copy from."""

DEFAULT_PROFILE_NAME = "ephemeral"

PACKAGED_PROFILES: Mapping[str, Mapping[str, str]] = {
    "ephemeral": {"PREFECT_SERVER_EPHEMERAL_ENABLED": "true"},
    "local": {"PREFECT_API_URL": "http://127.0.0.1:4200/api"},
    "test": {
        "PREFECT_SERVER_EPHEMERAL_ENABLED": "true",
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": "sqlite+aiosqlite:///:memory:",
    },
    "cloud": {},
}
"""The content of `DEFAULT_PROFILES_PATH`, so that a process without a profiles file parses no file."""
