"""The version of this distribution, read from its metadata."""

from importlib.metadata import PackageNotFoundError, version

try:
    __pluperfect_version__ = version("pluperfect")
except PackageNotFoundError:  # run from a source tree that is not installed
    __pluperfect_version__ = "0+unknown"
