"""The version of this distribution, read from its metadata, and what programs ask for besides it."""

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

try:
    __pluperfect_version__ = version("pluperfect")
except PackageNotFoundError:  # run from a source tree that is not installed
    __pluperfect_version__ = "0+unknown"

__module_path__ = Path(__file__).parent
"""The directory of the package."""

__version_info__: dict[str, Any] = {
    "version": "3.9.1",
    "date": "2026-10-30 15:52:39.841976+00:00",
    "full-revisionid": "unknown",
    "error": None,
    "dirty": False,
}
"""The release of Prefect whose interface this is, with its date; no revision of it is here."""
