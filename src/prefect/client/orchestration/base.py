"""What the parts of the client share: the transport, a request's filters, and the table of what is still to come."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Concatenate, NoReturn, ParamSpec, TypeVar

from prefect._io import drive

if TYPE_CHECKING:
    from pydantic import BaseModel

    from prefect.client.transport import Transport

P = ParamSpec("P")
R = TypeVar("R")
M = TypeVar("M", bound="BaseModel")


class Endpoints:
    """The base of the parts of the client: a method an operation of the API, each written once, async."""

    _transport: Transport

    async def _call(self, method: str, route: str, body: Mapping[str, Any] | Any = None, /, **params: Any) -> Any:
        return await self._transport.call(method, route, params, body)


def driven(method: Callable[Concatenate[Any, P], Coroutine[Any, Any, R]]) -> Callable[Concatenate[Any, P], R]:
    """The same method for the sync client: driven in the caller's thread, whether or not an event loop runs there.

    It is called on the async client that the sync one holds, so that a method may use others.
    """

    def call(self: Any, /, *args: P.args, **kwargs: P.kwargs) -> R:
        return drive(method(self._operations, *args, **kwargs))

    call.__name__ = method.__name__
    call.__qualname__ = f"SyncPrefectClient.{method.__name__}"
    call.__doc__ = method.__doc__
    call.__wrapped__ = method  # pyright: ignore[reportFunctionMemberAccess]  # for inspect.signature
    return call


def models(kind: type[M], answers: Iterable[Any]) -> list[M]:
    """The answers as models."""
    validate = kind.model_validate
    return [validate(answer) for answer in answers]


def given(**values: Any) -> dict[str, Any]:
    """The values that are not None."""
    return {name: value for name, value in values.items() if value is not None}


def related(
    flow_filter: Any = None,
    flow_run_filter: Any = None,
    task_run_filter: Any = None,
    deployment_filter: Any = None,
    work_pool_filter: Any = None,
    work_queue_filter: Any = None,
) -> dict[str, Any]:
    """The filters of a request by their names in the API."""
    return given(
        flows=flow_filter,
        flow_runs=flow_run_filter,
        task_runs=task_run_filter,
        deployments=deployment_filter,
        work_pools=work_pool_filter,
        work_pool_queues=work_queue_filter,
    )


LATER = frozenset(
    """
    apply_slas_for_deployment clear_server_default_result_storage create_automation create_block_document
    create_block_schema create_block_type create_concurrency_limit create_deployment create_deployment_branch
    create_deployment_schedules create_flow_run_from_deployment create_flow_run_input
    create_global_concurrency_limit create_variable create_work_pool create_work_queue
    decrement_v1_concurrency_slots delete_automation delete_block_document delete_block_type
    delete_concurrency_limit_by_tag delete_deployment delete_deployment_schedule delete_flow_run_input
    delete_global_concurrency_limit_by_name delete_resource_owned_automations delete_variable_by_name
    delete_work_pool delete_work_queue_by_id filter_flow_run_input find_automation
    get_most_recent_block_schema_for_block_type get_runs_in_work_queue get_scheduled_flow_runs_for_deployments
    get_scheduled_flow_runs_for_work_pool increment_concurrency_slots increment_concurrency_slots_with_lease
    increment_v1_concurrency_slots match_work_queues pause_automation pause_deployment read_automation
    read_automations read_automations_by_name read_block_document read_block_document_by_name read_block_documents
    read_block_documents_by_type read_block_schema_by_checksum read_block_schemas read_block_type_by_slug
    read_block_types read_concurrency_limit_by_tag read_concurrency_limits read_deployment read_deployment_by_name
    read_deployment_schedules read_deployments read_events read_events_page read_flow_run_input
    read_global_concurrency_limit_by_name read_global_concurrency_limits read_resource_related_automations
    read_server_default_result_storage read_variable_by_name read_variables read_work_pool
    read_work_pool_concurrency_status read_work_pools read_work_queue read_work_queue_by_name
    read_work_queue_concurrency_status read_work_queue_status read_work_queues read_worker_metadata
    read_workers_for_work_pool release_concurrency_slots release_concurrency_slots_with_lease
    renew_concurrency_lease reset_concurrency_limit_by_tag resume_automation resume_deployment resume_flow_run
    send_worker_heartbeat set_deployment_paused_state update_automation update_block_document update_block_type
    update_deployment update_deployment_schedule update_global_concurrency_limit
    update_server_default_result_storage update_variable update_work_pool update_work_queue
    upsert_global_concurrency_limit_by_name
    """.split()  # noqa: SIM905
)
"""Methods of the interface that come with the server."""


def not_yet(name: str) -> Callable[..., NoReturn]:
    """What stands for a method that is still to come: it says so when it is called."""

    def refuse(*_args: Any, **_kwargs: Any) -> NoReturn:
        raise NotImplementedError(f"The client's {name}() needs the server, which is not built yet (issue 3).")

    refuse.__name__ = name
    return refuse
