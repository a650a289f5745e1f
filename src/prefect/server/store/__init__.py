"""The only door to SQL: six verbs for every object, and declarative filters and sorts turned into SQL in one place.

get, find and count read; add, change and remove write. Objects are plain dictionaries, a Python value for each
column. A verb takes the transaction it is part of. Nothing here decides what a row
should hold: that is a service's matter.
"""

from prefect.server.db.tables import ARTIFACT, FLOW, FLOW_RUN, LOG, META, PROCESS, SET_ASIDE, TASK_RUN
from prefect.server.store.collection import Collection, Row

__all__ = [
    "Collection",
    "Row",
    "artifacts",
    "flow_runs",
    "flows",
    "logs",
    "meta",
    "processes",
    "set_aside",
    "task_runs",
]

flows = Collection(FLOW)
flow_runs = Collection(FLOW_RUN)
task_runs = Collection(TASK_RUN)
logs = Collection(LOG)
artifacts = Collection(ARTIFACT)
processes = Collection(PROCESS)
set_aside = Collection(SET_ASIDE)
meta = Collection(META)
