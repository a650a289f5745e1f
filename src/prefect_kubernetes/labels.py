"""Labels and names in the characters that Kubernetes allows."""

from __future__ import annotations

import re
from collections.abc import Mapping

from prefect.utilities.slugify import slugify

MAX_LABEL_CHARACTERS = 63
MAX_PREFIX_CHARACTERS = 253


def to_label_value(value: str) -> str:
    """Return a text as the value of a label: other characters become hyphens, and the end is cut off."""
    return _clean(value)[:MAX_LABEL_CHARACTERS].rstrip("-_.")


def to_label_name(name: str) -> str | None:
    """Return a text as the name of a label, with its prefix of a domain if it has one; None if nothing is left."""
    domain, _, own = name.rpartition("/")
    own = _clean(own)[:MAX_LABEL_CHARACTERS].rstrip("-_.")
    domain = re.sub(r"[^a-z0-9.-]+", "-", domain.lower()).strip("-.")[:MAX_PREFIX_CHARACTERS].rstrip("-.")
    if not own:
        return None
    return f"{domain}/{own}" if domain else own


def to_labels(labels: Mapping[str, object]) -> dict[str, str]:
    """Return labels with names and values that Kubernetes takes; those without a name are left out."""
    named = ((to_label_name(str(name)), to_label_value(str(value))) for name, value in labels.items())
    return {name: value for name, value in named if name}


def to_selector(labels: Mapping[str, str]) -> str:
    """Return labels as a selector of the objects that have all of them."""
    return ",".join(f"{name}={value}" for name, value in to_labels(labels).items())


def to_object_name(text: str, max_length: int) -> str:
    """Return a text as the name of an object, or an empty text if nothing is left of it."""
    return slugify(text, max_length=max_length).strip("-")


def _clean(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", text).strip("-_.")
