"""The rule book of run states: what follows from a change of state, and which changes are allowed.

Everything here is pure: facts in, verdict out. The engine asks it for task runs and for flow runs without a server; the
server asks it for flow runs. Neither may hold rules of its own. No I/O, no clock, no chance, no models: states come as
`Moment`s or `Entry`s, and what a rule must know of the world comes in `Facts`.

`advance` says how a run's columns follow from its states. `decide` judges a change of state by a policy, which is an
ordered tuple of rules, and `settle` says what is to be written when the verdict writes a state. Only `advance` and
`retry_delay` are imported with the room; the judge is imported when one of its names is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect._lazy import exports
from prefect.rules.columns import TERMINAL, Moment, advance, retry_delay

if TYPE_CHECKING:
    from prefect.rules.decision import NoStateToKeep, Policy, Rule, decide
    from prefect.rules.effects import (
        Effect,
        EmitStateEvent,
        Enqueue,
        MarkResuming,
        MirrorToParent,
        RecordPauseKey,
        ReleaseDeploymentSlot,
        ReleaseSlots,
        RenewLease,
        RevokeLease,
        SetOnPolicy,
        SetOnRun,
        StoreCacheKey,
        TakeDeploymentSlot,
        TakeSlots,
    )
    from prefect.rules.facts import Entry, Facts, Run, TagLimit
    from prefect.rules.policies import (
        POLICIES,
        BackgroundTaskPolicy,
        CoreFlowPolicy,
        CoreTaskPolicy,
        MarkLateRunsPolicy,
        MinimalFlowPolicy,
        MinimalTaskPolicy,
    )
    from prefect.rules.settlement import Settled, settle
    from prefect.rules.verdicts import Abort, Accept, Reject, Verdict, Wait

__all__ = [
    "POLICIES",
    "TERMINAL",
    "Abort",
    "Accept",
    "BackgroundTaskPolicy",
    "CoreFlowPolicy",
    "CoreTaskPolicy",
    "Effect",
    "EmitStateEvent",
    "Enqueue",
    "Entry",
    "Facts",
    "MarkLateRunsPolicy",
    "MarkResuming",
    "MinimalFlowPolicy",
    "MinimalTaskPolicy",
    "MirrorToParent",
    "Moment",
    "NoStateToKeep",
    "Policy",
    "RecordPauseKey",
    "Reject",
    "ReleaseDeploymentSlot",
    "ReleaseSlots",
    "RenewLease",
    "RevokeLease",
    "Rule",
    "Run",
    "SetOnPolicy",
    "SetOnRun",
    "Settled",
    "StoreCacheKey",
    "TagLimit",
    "TakeDeploymentSlot",
    "TakeSlots",
    "Verdict",
    "Wait",
    "advance",
    "decide",
    "retry_delay",
    "settle",
]


_EXPORTS = {
    "prefect.rules.effects": (
        "Effect EmitStateEvent Enqueue MarkResuming MirrorToParent RecordPauseKey ReleaseDeploymentSlot ReleaseSlots "
        "RenewLease RevokeLease SetOnPolicy SetOnRun StoreCacheKey TakeDeploymentSlot TakeSlots"
    ),
    "prefect.rules.decision": "NoStateToKeep Policy Rule decide",
    "prefect.rules.policies": (
        "BackgroundTaskPolicy CoreFlowPolicy CoreTaskPolicy MarkLateRunsPolicy MinimalFlowPolicy MinimalTaskPolicy "
        "POLICIES"
    ),
    "prefect.rules.settlement": "Settled settle",
    "prefect.rules.facts": "Entry Facts Run TagLimit",
    "prefect.rules.verdicts": "Abort Accept Reject Verdict Wait",
}

__getattr__, __dir__ = exports(__name__, _EXPORTS)
