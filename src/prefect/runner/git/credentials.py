"""Credentials for git repositories: from a dict, a block, or the data of a block, to a user name and password."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypedDict, cast
from urllib.parse import urlsplit

from prefect.runner.git.commands import Login, split_login

if TYPE_CHECKING:
    from prefect.blocks.core import Block
    from prefect.blocks.system import Secret


class GitCredentials(TypedDict, total=False):
    """A user name and an access token, which may be a saved `Secret` block."""

    username: str
    access_token: str | Secret[str]


_TOKEN_NAMES = ("access_token", "token", "password")


def check_credentials(credentials: Any) -> None:
    """Check that credentials have a token when they have a user name.

    Raises:
        ValueError: They do not.
    """
    if isinstance(credentials, Mapping):
        values = cast("Mapping[str, Any]", credentials)
        if values.get("username") and not any(values.get(name) for name in _TOKEN_NAMES):
            raise ValueError("If a username is provided, an access token or password must also be provided.")


def find_login(url: str, credentials: GitCredentials | Block | Mapping[str, Any] | None) -> Login | None:
    """Return the user name and password for a URL; None when there are no credentials, or the URL is not http.

    Raises:
        ValueError: The credentials have no token, or the host needs a user name.
    """
    parts = urlsplit(url)
    if not credentials or parts.scheme not in ("http", "https"):
        return None
    # A credentials block may know how its service wants them: it answers with a URL.
    format_url = getattr(credentials, "format_git_credentials", None)
    if format_url is not None:
        return split_login(format_url(url))[1]
    token = next(filter(None, (_read(credentials, name) for name in _TOKEN_NAMES)), None)
    if token is None:
        raise ValueError("Please provide a `token` or `password` in your Credentials block to clone a repo.")
    username = _read(credentials, "username")
    if username is None and ":" in token:  # written as user:token
        username, _, token = token.partition(":")
    return Login(username or _default_username(parts.netloc), token)


def to_step_inputs(credentials: GitCredentials | Block | Mapping[str, Any]) -> Any:
    """Return credentials as the input of a pull step: placeholders of blocks, never a secret.

    Raises:
        BlockNotSavedError: A block was not saved.
        ValueError: The token is not a block.
    """
    if not isinstance(credentials, Mapping):
        return f"{{{{ {credentials.get_block_placeholder()} }}}}"
    inputs: dict[str, Any] = {}
    for name, value in cast("Mapping[str, Any]", credentials).items():
        if hasattr(value, "get_block_placeholder"):
            value = f"{{{{ {value.get_block_placeholder()} }}}}"
        elif name in _TOKEN_NAMES and value is not None:
            raise ValueError(
                "Please save your access token as a Secret block before converting this storage object to a pull step."
            )
        inputs[name] = value
    return inputs


def _read(credentials: Any, name: str) -> str | None:
    """Return a value of credentials as text: of a dict or a block, where it may be a secret or a `Secret` block."""
    if isinstance(credentials, Mapping):
        value: Any = cast("Mapping[str, Any]", credentials).get(name)
    else:
        value = getattr(credentials, name, None)
    for method in ("get", "get_secret_value"):
        if hasattr(value, method):
            value = getattr(value, method)()
    return str(value) if value else None


def _default_username(host: str) -> str:
    """Return the user name that a hosting service expects with a token.

    Raises:
        ValueError: It expects that of the user.
    """
    if "bitbucketserver" in host:
        raise ValueError(
            "Please provide a `username` and a `password` or `token` in your BitBucketCredentials block to clone a "
            "repo from BitBucket Server."
        )
    if "bitbucket" in host:
        return "x-token-auth"
    return "oauth2" if "gitlab" in host else "x-access-token"
