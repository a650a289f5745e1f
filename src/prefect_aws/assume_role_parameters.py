"""Arguments of the request to assume a role."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field


class AssumeRoleParameters(BaseModel):
    """Arguments of `assume_role` of the Security Token Service, by the names that it has for them."""

    RoleSessionName: str | None = Field(
        default=None, title="Role Session Name", description="The name of the session; `prefect` by default."
    )
    DurationSeconds: int | None = Field(
        default=None, title="Duration Seconds", description="How long the session lasts, 900 to 43200 seconds."
    )
    Policy: str | None = Field(default=None, description="A policy that narrows the session, as JSON.")
    PolicyArns: list[dict[str, str]] | None = Field(
        default=None, title="Policy ARNs", description="Managed policies that narrow the session, each with its `arn`."
    )
    Tags: list[dict[str, str]] | None = Field(
        default=None, description="Tags of the session, each with a `Key` and a `Value`."
    )
    TransitiveTagKeys: list[str] | None = Field(
        default=None, title="Transitive Tag Keys", description="The keys of tags that the next role keeps."
    )
    ExternalId: str | None = Field(
        default=None, title="External ID", description="The id by which another account knows the caller."
    )
    SerialNumber: str | None = Field(
        default=None, title="Serial Number", description="The identification number of the caller's MFA device."
    )
    TokenCode: str | None = Field(default=None, title="Token Code", description="The code that the MFA device shows.")
    SourceIdentity: str | None = Field(default=None, title="Source Identity", description="The identity of the caller.")
    ProvidedContexts: list[dict[str, str]] | None = Field(
        default=None,
        title="Provided Contexts",
        description="Contexts, each with a `ProviderArn` and a `ContextAssertion`.",
    )

    def get_params_override(self) -> dict[str, Any]:
        """Return the arguments that were set."""
        return self.model_dump(exclude_none=True)
