"""Settings of the graph of a flow run."""

from prefect.settings.base import PrefectBaseSettings, build_settings_config, setting


class ServerFlowRunGraphSettings(PrefectBaseSettings):
    """Settings of flow run graphs."""

    model_config = build_settings_config(("server", "flow_run_graph"))

    max_artifacts: int = setting(
        10_000,
        "How many artifacts the graph of a flow run shows.",
        aliases=("PREFECT_API_MAX_FLOW_RUN_GRAPH_ARTIFACTS",),
    )
    max_nodes: int = setting(
        10_000, "How many nodes the graph of a flow run shows.", aliases=("PREFECT_API_MAX_FLOW_RUN_GRAPH_NODES",)
    )
