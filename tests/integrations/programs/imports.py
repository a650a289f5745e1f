"""Every module of the installed integrations is imported, and what they require is what this package says."""

import importlib
import pkgutil
import re
import sys
import warnings
from importlib.metadata import PackageNotFoundError, requires

from prefect.cli.environment.integrations import KNOWN

# Modules that need what is not installed: an extra of their package, or a server of the original.
NOT_INSTALLED = {"prefect_azure.ml_datastore"}

warnings.simplefilter("ignore")  # deprecations inside of the integrations


def import_all(package: str) -> list[str]:
    """Import all modules of a package and return what failed."""
    failed = []
    names = [package]
    names += [found.name for found in pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}.")]
    for name in sorted(set(names) - NOT_INSTALLED):
        try:
            importlib.import_module(name)
        except Exception as error:
            failed.append(f"{name}: {error!r}")
    return failed


def find_undeclared(integration: str) -> list[str]:
    """Return the packages that an integration requires according to its metadata, but not to this package."""
    declared = [line for line in requires(f"prefect-{integration}") or [] if "extra ==" not in line]
    names = {normalize(re.split(r"[ <>=!~;\[]", line)[0]) for line in declared} - {"prefect", "pydantic", "rich"}
    known = {normalize(re.split(r"[<>=!~\[]", line)[0]) for line in KNOWN[integration].split()}
    return sorted(names - known)


def normalize(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


problems = []
for integration in KNOWN:
    try:
        undeclared = find_undeclared(integration)
    except PackageNotFoundError:
        problems.append(f"prefect-{integration} is not installed")
        continue
    problems += [f"prefect-{integration} requires {name}" for name in undeclared]
    problems += import_all(f"prefect_{integration}")
print("\n".join(problems))
sys.exit(bool(problems))
