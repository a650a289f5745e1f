"""The public path of the orders of lists; they live in `prefect.schemas`."""

from prefect.schemas.sorting import ArtifactCollectionSort as ArtifactCollectionSort
from prefect.schemas.sorting import ArtifactSort as ArtifactSort
from prefect.schemas.sorting import AutomationSort as AutomationSort
from prefect.schemas.sorting import BlockDocumentSort as BlockDocumentSort
from prefect.schemas.sorting import DeploymentSort as DeploymentSort
from prefect.schemas.sorting import FlowRunSort as FlowRunSort
from prefect.schemas.sorting import FlowSort as FlowSort
from prefect.schemas.sorting import LogSort as LogSort
from prefect.schemas.sorting import TaskRunSort as TaskRunSort
from prefect.schemas.sorting import VariableSort as VariableSort
