"""Results: storage of the return values of runs, and reading them back.

`inline` makes the small copy that travels with every recorded state; `defaults` answers, in well under a microsecond,
whether anything is to be kept at all; `record` is the file format; `store` reads and writes records; `resolve` turns
what users write (a path, a block, a serializer's name) into objects. Nothing here decides when a run keeps a result,
or what its key is: that is the engine and the cache policies.

Names are imported when they are first used: a run that keeps nothing pays for none of this.
"""

from typing import TYPE_CHECKING

from prefect._lazy import exports

if TYPE_CHECKING:
    from prefect.results.defaults import get_default_persist_setting as get_default_persist_setting
    from prefect.results.defaults import get_default_persist_setting_for_tasks as get_default_persist_setting_for_tasks
    from prefect.results.defaults import get_result_store as get_result_store
    from prefect.results.defaults import should_persist_result as should_persist_result
    from prefect.results.record import ResultRecord as ResultRecord
    from prefect.results.record import ResultRecordMetadata as ResultRecordMetadata
    from prefect.results.record import load_reference as load_reference
    from prefect.results.resolve import LITERAL_TYPES as LITERAL_TYPES
    from prefect.results.resolve import ResultSerializer as ResultSerializer
    from prefect.results.resolve import ResultStorage as ResultStorage
    from prefect.results.resolve import aget_default_result_storage as aget_default_result_storage
    from prefect.results.resolve import aresolve_result_storage as aresolve_result_storage
    from prefect.results.resolve import get_default_result_serializer as get_default_result_serializer
    from prefect.results.resolve import get_default_result_storage as get_default_result_storage
    from prefect.results.resolve import (
        get_or_create_default_task_scheduling_storage as get_or_create_default_task_scheduling_storage,
    )
    from prefect.results.resolve import resolve_result_storage as resolve_result_storage
    from prefect.results.resolve import resolve_serializer as resolve_serializer
    from prefect.results.resolve import result_storage_discriminator as result_storage_discriminator
    from prefect.results.store import DEFAULT_STORAGE_KEY_FN as DEFAULT_STORAGE_KEY_FN
    from prefect.results.store import ResultStore as ResultStore
    from prefect.results.store import default_cache as default_cache


_EXPORTS = {
    "prefect.results.defaults": (
        "get_default_persist_setting get_default_persist_setting_for_tasks get_result_store should_persist_result"
    ),
    "prefect.results.record": "ResultRecord ResultRecordMetadata load_reference",
    "prefect.results.resolve": (
        "LITERAL_TYPES ResultSerializer ResultStorage aget_default_result_storage aresolve_result_storage "
        "get_default_result_serializer get_default_result_storage get_or_create_default_task_scheduling_storage "
        "resolve_result_storage resolve_serializer result_storage_discriminator"
    ),
    "prefect.results.store": "DEFAULT_STORAGE_KEY_FN ResultStore default_cache",
}

__getattr__, __dir__ = exports(__name__, _EXPORTS)
