"""Events and their resources.

Automations, triggers and their actions are not here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol, Self
from uuid import UUID

from pydantic import AnyHttpUrl, Field, RootModel, field_validator, model_validator

from prefect.schemas import providers
from prefect.schemas.base import PrefectBaseModel
from prefect.schemas.labelling import Labelled
from prefect.types import new_id, now
from prefect.types._annotated import AwareDateTime

ID, ROLE, NAME = "prefect.resource.id", "prefect.resource.role", "prefect.resource.name"


class Resource(Labelled):
    """The subject of an event, described by labels; `prefect.resource.id` is required."""

    @model_validator(mode="after")
    def _has_id(self) -> Self:
        return self._require(ID, "A resource")

    def _require(self, label: str, kind: str) -> Self:
        if label not in self.root:
            raise ValueError(f"{kind} must have the label {label}.")
        if not self.root[label]:
            raise ValueError(f"The label {label} of {kind[0].lower()}{kind[1:]} must not be empty.")
        return self

    @model_validator(mode="after")
    def _not_too_many_labels(self) -> Self:
        limit = providers.settings.get_current_settings().server.events.maximum_labels_per_resource
        if len(self.root) > limit:
            raise ValueError(f"A resource must have at most {limit} labels, and this has {len(self.root)}.")
        return self

    @property
    def id(self) -> str:
        """Return the label that identifies it, for example `prefect.flow-run.<uuid>`."""
        return self[ID]

    @property
    def name(self) -> str | None:
        """Return the label with its name, if it has one."""
        return self.get(NAME)

    def prefect_object_id(self, kind: str) -> UUID:
        """Return the id of the object that the resource represents.

        Args:
            kind: The required kind of object, for example `prefect.flow-run`.

        Raises:
            ValueError: It is something else.
        """
        prefix = f"{kind}."
        if not self.id.startswith(prefix):
            raise ValueError(f"The resource {self.id} is not a {kind}.")
        return UUID(self.id.removeprefix(prefix))


class RelatedResource(Resource):
    """A resource related to an event; the label `prefect.resource.role` is its role."""

    @model_validator(mode="after")
    def _has_role(self) -> Self:
        return self._require(ROLE, "A related resource")

    @property
    def role(self) -> str:
        """Return the role of the resource."""
        return self[ROLE]


class Event(PrefectBaseModel):
    """An event: what happened, to which resource and when.

    Attributes:
        occurred: When.
        event: What, for example `prefect.flow-run.Completed`.
        resource: To what.
        related: What else was involved.
        payload: Further data, as JSON.
        follows: The preceding event, if it must be handled first.
    """

    occurred: AwareDateTime = Field(default_factory=now)
    event: str
    resource: Resource
    related: list[RelatedResource] = Field(default_factory=list[RelatedResource])
    payload: dict[str, Any] = Field(default_factory=dict)
    id: UUID = Field(default_factory=new_id)
    follows: UUID | None = None

    @field_validator("related")
    @classmethod
    def _not_too_many_related(cls, value: list[RelatedResource]) -> list[RelatedResource]:
        limit = providers.settings.get_current_settings().server.events.maximum_related_resources
        if len(value) > limit:
            raise ValueError(f"An event must have at most {limit} related resources, and this has {len(value)}.")
        return value

    @property
    def size_bytes(self) -> int:
        """Return the size of its JSON."""
        try:
            return len(self.model_dump_json().encode())
        except ValueError:  # a lone surrogate
            from prefect.types import json_codec

            return len(json_codec.dumps(self.model_dump(mode="json")))

    @property
    def involved_resources(self) -> Sequence[Resource]:
        """Return the resource and the related ones."""
        return [self.resource, *self.related]

    @property
    def resource_in_role(self) -> Mapping[str, RelatedResource]:
        """Return the first related resource of each role."""
        return {related.role: related for related in reversed(self.related)}

    @property
    def resources_in_role(self) -> Mapping[str, Sequence[RelatedResource]]:
        """Return the related resources of each role; an empty list for an unused role."""
        from collections import defaultdict

        roles: defaultdict[str, list[RelatedResource]] = defaultdict(list)
        for related in self.related:
            roles[related.role].append(related)
        return roles

    def find_resource_label(self, label: str) -> str | None:
        """Return the value of a label of the resource, or, for `related:<role>:<label>`, of one in that role."""
        prefix, _, rest = label.partition(":")
        if prefix != "related" or ":" not in rest:
            return self.resource.get(label)
        role, _, name = rest.partition(":")
        found = (related.get(name) for related in self.related if related.role == role)
        return next((value for value in found if value is not None), None)


class ReceivedEvent(Event):
    """An event that the server has received."""

    received: AwareDateTime

    @property
    def url(self) -> str | None:
        """Return the address of the event in the web page; None if the settings name no web page."""
        return providers.urls.url_for(self)


class EventPageReader(Protocol):
    """A client that reads pages of events."""

    async def read_events_page(self, next_page_url: str) -> EventPage:
        """Return the page at an address."""
        ...


class SyncEventPageReader(Protocol):
    """A client that reads pages of events without a coroutine."""

    def read_events_page(self, next_page_url: str) -> EventPage:
        """Return the page at an address."""
        ...


class EventPage(PrefectBaseModel):
    """One page of the requested events, the total count, and the address of the next page."""

    events: list[ReceivedEvent]
    total: int
    next_page: AnyHttpUrl | None

    async def get_next_page(self, client: EventPageReader) -> EventPage | None:
        """Return the next page, or None after the last."""
        return await client.read_events_page(str(self.next_page)) if self.next_page else None

    def get_next_page_sync(self, client: SyncEventPageReader) -> EventPage | None:
        """Return the next page, or None after the last."""
        return client.read_events_page(str(self.next_page)) if self.next_page else None


def matches(expected: str, value: str | None) -> bool:
    """Return whether a label's value is as expected; a label that is missing never is.

    Args:
        expected: The value, or its beginning followed by `*`; after `!`, anything else.
        value: The label's value.
    """
    if value is None:
        return False
    wanted = not expected.startswith("!")
    pattern = expected if wanted else expected[1:]
    same = value.startswith(pattern[:-1]) if pattern.endswith("*") else value == pattern
    return same is wanted


class ResourceSpecification(RootModel[dict[str, str | list[str]]]):
    """A selection of resources: the accepted values of each label, in the syntax of `matches`."""

    def matches_every_resource(self) -> bool:
        """Return whether the specification matches every resource."""
        return not self.root or (len(self.root) == 1 and self.root.get(ID) == "*")

    def matches_every_resource_of_kind(self, prefix: str) -> bool:
        """Return whether the specification matches every resource whose id begins with `prefix` and a dot."""
        if self.matches_every_resource():
            return True
        return len(self.root) == 1 and ID in self.root and f"{prefix}.*" in (self.get(ID) or [])

    def includes(self, candidates: Iterable[Resource]) -> bool:
        """Return whether the specification matches one of the resources."""
        return self.matches_every_resource() or any(self.matches(candidate) for candidate in candidates)

    def matches(self, resource: Resource | Mapping[str, str]) -> bool:
        """Return whether the specification matches the resource, or one with these labels."""
        return all(any(matches(value, resource.get(label)) for value in values) for label, values in self.items())

    def items(self) -> Iterable[tuple[str, list[str]]]:
        """Return the labels, each with a list of values."""
        return [(label, _as_list(value)) for label, value in self.root.items()]

    def __contains__(self, key: str) -> bool:
        return key in self.root

    def __getitem__(self, key: str) -> list[str]:
        return _as_list(self.root[key])

    def __len__(self) -> int:
        return len(self.root)

    def get(self, key: str, default: str | list[str] | None = None) -> list[str] | None:
        """Return the values of a label as a list, or `default` as a list."""
        return _as_list(self.root.get(key, default) or [])

    def pop(self, key: str, default: str | list[str] | None = None) -> list[str] | None:
        """Remove a label and return its values as a list, or `default` as a list."""
        return _as_list(self.root.pop(key, default) or [])

    def deepcopy(self) -> ResourceSpecification:
        """Return a copy that can be changed."""
        return ResourceSpecification(
            {label: value if isinstance(value, str) else [*value] for label, value in self.root.items()}
        )


def _as_list(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value
