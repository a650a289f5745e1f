"""Validation of names: of a flow, a block, a variable, an artifact, an asset.

The checks are plain functions, and the types apply them in models.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Annotated

from pydantic import AfterValidator, Field

BANNED_CHARACTERS = ["/", "%", "&", ">", "<"]
"""Characters that names must not have, because names become parts of addresses."""

WITHOUT_BANNED_CHARACTERS = "^[^/%&><]+$"
WITHOUT_BANNED_CHARACTERS_EMPTY_OK = "^[^/%&><]*$"
LOWERCASE_LETTERS_NUMBERS_AND_DASHES_ONLY_REGEX = "^[a-z0-9-]*$"
LOWERCASE_LETTERS_NUMBERS_AND_UNDERSCORES_REGEX = "^[a-z0-9_]*$"
LOWERCASE_LETTERS_NUMBERS_AND_DASHES_OR_UNDERSCORES_REGEX = "^[a-z0-9-_]*$"
MAX_VARIABLE_NAME_LENGTH = 255
URI_REGEX = re.compile("^[a-z0-9]+://")
MAX_ASSET_KEY_LENGTH = 512
RESTRICTED_ASSET_CHARACTERS = [
    "\n", "\r", "\t", "\0", " ", "#", "?", "&", "%", '"', "'", "<", ">", "[", "]", "{", "}", "|", "\\", "^", "`",
]  # fmt: skip
"""Characters that the key of an asset must not have, because the key is a URI."""

_LETTERS = str.maketrans(
    {"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i"}
    | {"ẞ": "SS", "Æ": "AE", "Œ": "OE", "Ø": "O", "Ł": "L", "Đ": "D", "Ð": "D", "Þ": "TH"}
)
"""Latin letters that have no decomposition into one of ASCII and a mark."""


def slugify(
    text: str,
    *,
    max_length: int = 0,
    separator: str = "-",
    lowercase: bool = True,
    regex_pattern: str | None = None,
    allow_unicode: bool = False,
) -> str:
    """Convert a text to lowercase letters, digits and hyphens: "Café au lait!" becomes "cafe-au-lait".

    Args:
        max_length: The longest the result may be; 0 has no limit.
        separator: What stands in the place of everything else.
        lowercase: Whether to make capital letters small.
        regex_pattern: What is replaced, instead of all characters but letters and digits.
        allow_unicode: Keep letters that are not of ASCII.
    """
    text = unicodedata.normalize("NFKC" if allow_unicode else "NFKD", text)
    if not allow_unicode:
        text = text.translate(_LETTERS).encode("ascii", "ignore").decode()
    if lowercase:
        text = text.lower()
    text = re.sub(r"(?<=\d),(?=\d)", "", text)  # the thousands of a number
    pattern = regex_pattern or (r"[\W_]+" if allow_unicode else r"[^a-zA-Z0-9]+")
    parts = [part for part in re.sub(pattern, "\0", text).replace("-", "\0").split("\0") if part]
    slug = separator.join(parts)
    return slug[:max_length].strip(separator) if max_length else slug


def raise_on_name_alphanumeric_dashes_only(value: str | None, field_name: str = "value") -> str | None:
    """Return the value; raise ValueError unless it has only lowercase letters, digits and dashes."""
    if value is not None and not re.match(LOWERCASE_LETTERS_NUMBERS_AND_DASHES_ONLY_REGEX, value):
        raise ValueError(f"{field_name} must have only lowercase letters, digits and dashes, and {value!r} has others.")
    return value


def raise_on_name_alphanumeric_underscores_only(value: str | None, field_name: str = "value") -> str | None:
    """Return the value; raise ValueError unless it has only lowercase letters, digits and underscores."""
    if value is not None and not re.match(LOWERCASE_LETTERS_NUMBERS_AND_UNDERSCORES_REGEX, value):
        raise ValueError(
            f"{field_name} must have only lowercase letters, digits and underscores, and {value!r} has others."
        )
    return value


def raise_on_name_alphanumeric_dashes_underscores_only(value: str, field_name: str = "value") -> str:
    """Return the value; raise ValueError unless it has only lowercase letters, digits, dashes and underscores."""
    if not re.match(LOWERCASE_LETTERS_NUMBERS_AND_DASHES_OR_UNDERSCORES_REGEX, value):
        raise ValueError(
            f"{field_name} must have only lowercase letters, digits, dashes and underscores, and {value!r} has others."
        )
    return value


def non_emptyish(value: str) -> str:
    """Return the value; raise ValueError unless it has a character that is neither a space nor a quote."""
    if not value.strip("' \""):
        raise ValueError("A name must not be empty.")
    return value


def validate_uri(value: str) -> str:
    """Return the value; raise ValueError unless it begins with a scheme as in `s3://`."""
    if not URI_REGEX.match(value):
        raise ValueError(
            f"{value!r} is not a URI: it must begin with a scheme of lowercase letters and digits, then `://`."
        )
    return value


def validate_valid_asset_key(value: str) -> str:
    """Return the value; raise ValueError unless it can be the key of an asset."""
    for character in RESTRICTED_ASSET_CHARACTERS:
        if character in value:
            raise ValueError(f"The key of an asset must not have the character {character!r}, and {value!r} has it.")
    if len(value) > MAX_ASSET_KEY_LENGTH:
        raise ValueError(f"The key of an asset must have at most {MAX_ASSET_KEY_LENGTH} characters.")
    return validate_uri(value)


Name = Annotated[str, Field(pattern=WITHOUT_BANNED_CHARACTERS)]
"""A name without characters that have a meaning in addresses."""

NameOrEmpty = Annotated[str, Field(pattern=WITHOUT_BANNED_CHARACTERS_EMPTY_OK)]
"""A name, or an empty text."""

NonEmptyishName = Annotated[str, Field(pattern=WITHOUT_BANNED_CHARACTERS), AfterValidator(non_emptyish)]
"""A name that is more than spaces and quotes."""

BlockDocumentName = Annotated[
    Name, AfterValidator(lambda value: raise_on_name_alphanumeric_dashes_only(value, field_name="Block document name"))
]
BlockTypeSlug = Annotated[
    str, AfterValidator(lambda value: raise_on_name_alphanumeric_dashes_only(value, field_name="Block type slug"))
]
ArtifactKey = Annotated[
    str, AfterValidator(lambda value: raise_on_name_alphanumeric_dashes_only(value, field_name="Artifact key"))
]
VariableName = Annotated[
    str,
    AfterValidator(lambda value: raise_on_name_alphanumeric_dashes_underscores_only(value, field_name="Variable name")),
    Field(max_length=MAX_VARIABLE_NAME_LENGTH),
]
URILike = Annotated[str, AfterValidator(validate_uri)]
"""A URI: a scheme and what follows."""

ValidAssetKey = Annotated[str, AfterValidator(validate_valid_asset_key), Field(max_length=MAX_ASSET_KEY_LENGTH)]
"""The key of an asset."""
