"""The runs of a work pool store their results in the pool's block."""

from uuid import uuid4

import pytest

from prefect.filesystems import LocalFileSystem
from prefect.results import get_default_result_storage
from prefect.schemas.runs import FlowRun
from prefect.schemas.work import WorkPool, WorkPoolStorageConfiguration
from prefect.settings import PREFECT_RESULTS_DEFAULT_STORAGE_BLOCK, temporary_settings
from prefect.workers.base import BaseJobConfiguration

NAME = "PREFECT_RESULTS_DEFAULT_STORAGE_BLOCK"


def prepare(block_id, **env):
    pool = WorkPool(
        name="pool",
        type="process",
        storage_configuration=WorkPoolStorageConfiguration(default_result_storage_block_id=block_id),
    )
    configuration = BaseJobConfiguration(env=env)
    configuration.prepare_for_flow_run(FlowRun(flow_id=uuid4()), work_pool=pool)
    return configuration.env


def test_pool_names_the_result_storage_of_its_runs(tmp_path):
    block_id = LocalFileSystem(basepath=str(tmp_path)).save("shared")
    environment = prepare(block_id)
    assert environment[NAME] == str(block_id)
    with temporary_settings({PREFECT_RESULTS_DEFAULT_STORAGE_BLOCK: environment[NAME]}):
        assert get_default_result_storage().basepath == str(tmp_path)


@pytest.mark.parametrize(("block_id", "env", "expected"), [(None, {}, None), (uuid4(), {NAME: "mine"}, "mine")])
def test_variable_of_the_job_goes_before_and_a_pool_without_one_names_none(block_id, env, expected):
    assert prepare(block_id, **env).get(NAME) == expected
