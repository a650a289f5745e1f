"""Redact secrets in log records."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, cast

from prefect._lazy import lazy
from prefect.logging._explicit_settings import explicit_value

if TYPE_CHECKING:
    from prefect import settings
else:
    settings = lazy("prefect.settings")

MASK = "********"
"""The replacement of a secret."""

SECRET_SETTINGS: dict[str, tuple[str, ...]] = {
    "api.key": (),
    "api.auth_string": (),
    "server.api.auth_string": (),
    "server.database.password": ("PREFECT_API_DATABASE_PASSWORD",),
    "server.database.connection_url": ("PREFECT_API_DATABASE_CONNECTION_URL",),
}
"""Every setting whose value is a secret, by its dotted name, and its older environment names."""

_known: tuple[Any, tuple[str, ...]] = (None, ())


def secrets() -> tuple[str, ...]:
    """Return the values of the secret settings that are set, longest first."""
    global _known
    current = settings.get_current_settings()
    known = _known
    if known[0] is not current:
        found = {secret for name, aliases in SECRET_SETTINGS.items() if (secret := _secret(current, name, aliases))}
        known = _known = (current, tuple(sorted(found, key=len, reverse=True)))
    return known[1]


def redact(text: str) -> str:
    """Return `text` with every secret replaced by asterisks."""
    for secret in secrets():
        if secret in text:
            text = text.replace(secret, MASK)
    return text


def redact_substr(obj: Any, substr: str) -> Any:
    """Return `obj` with `substr` replaced by asterisks in its strings, down through dicts, lists, tuples and sets.

    An object of another type is returned as it is.
    """
    if isinstance(obj, str):
        return obj.replace(substr, MASK)
    if type(obj) is dict:
        entries = cast("dict[Any, Any]", obj).items()
        return {redact_substr(key, substr): redact_substr(value, substr) for key, value in entries}
    if type(obj) in (list, tuple, set, frozenset):
        return type(obj)(redact_substr(item, substr) for item in obj)
    return obj


class ObfuscateApiKeyFilter(logging.Filter):
    """Filter that redacts the API key and the other secret settings in a record's message and arguments."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Redact the record in place. Always True: every record passes."""
        for secret in secrets():
            record.msg = redact_substr(record.msg, secret)
            if record.args:
                record.args = redact_substr(record.args, secret)
        return True


def _secret(current: Any, name: str, aliases: tuple[str, ...]) -> str | None:
    value = explicit_value(current, name, *aliases)
    if value is None:
        return None
    text: str = value.get_secret_value() if hasattr(value, "get_secret_value") else str(value)
    return _password(text) if name.endswith("connection_url") else text


def _password(url: str) -> str | None:
    """Return the password in a database URL; the rest of the URL may be logged."""
    _, found, rest = url.partition("://")
    account, at, _ = rest.rpartition("@")
    _, colon, password = account.partition(":")
    return password if found and at and colon else None
