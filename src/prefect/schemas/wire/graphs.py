"""The graph of a flow run: its task runs, subflow runs and their dependencies."""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

from prefect.schemas.base import PrefectBaseModel
from prefect.schemas.states import StateType
from prefect.types._annotated import AwareDateTime


class GraphState(PrefectBaseModel):
    """A state in the history of the flow run."""

    id: UUID
    timestamp: AwareDateTime
    type: StateType
    name: str


class GraphArtifact(PrefectBaseModel):
    """An artifact that a run made."""

    id: UUID
    created: AwareDateTime
    key: str | None
    type: str | None
    is_latest: bool
    data: Any | None


class Edge(PrefectBaseModel):
    """The other end of an edge."""

    id: UUID


class Node(PrefectBaseModel):
    """A run in the graph with its upstream, downstream and enclosing runs."""

    kind: Literal["flow-run", "task-run"]
    id: UUID
    label: str
    state_type: StateType
    start_time: AwareDateTime
    end_time: AwareDateTime | None
    parents: list[Edge]
    children: list[Edge]
    encapsulating: list[Edge]
    artifacts: list[GraphArtifact]


class Graph(PrefectBaseModel):
    """The graph of a flow run; its nodes are pairs of an id and a node."""

    start_time: AwareDateTime | None
    end_time: AwareDateTime | None
    root_node_ids: list[UUID]
    nodes: list[tuple[UUID, Node]]
    artifacts: list[GraphArtifact]
    states: list[GraphState]
