"""The rules of run states: what follows from a change of state, and which changes are allowed.

All rules are pure functions from facts to a verdict. The engine uses them for task runs and for flow runs without a
server, the server for flow runs; neither may have further rules. There is no I/O, no clock, no randomness and no model:
states are `StateSummary`s or `RuleState`s, and all other input of a rule is in `Facts`.

`advance` derives a run's columns from its states. `decide` judges a change of state by a policy, which is an ordered
tuple of rules, and `settle` returns what is to be written when the verdict writes a state. Only `advance` and
`retry_delay` are imported with the package; the other modules are imported at the first use of one of their names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect._lazy import exports
from prefect.rules.columns import TERMINAL, StateSummary, advance, retry_delay

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
    from prefect.rules.facts import Facts, RuleState, Run, TagLimit
    from prefect.rules.policies import (
        POLICIES,
        BackgroundTaskPolicy,
        CoreFlowPolicy,
        CoreTaskPolicy,
        MarkLateRunsPolicy,
        MinimalFlowPolicy,
        MinimalTaskPolicy,
    )
    from prefect.rules.settlement import Settlement, settle
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
    "RuleState",
    "Facts",
    "MarkLateRunsPolicy",
    "MarkResuming",
    "MinimalFlowPolicy",
    "MinimalTaskPolicy",
    "MirrorToParent",
    "StateSummary",
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
    "Settlement",
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
    "prefect.rules.settlement": "Settlement settle",
    "prefect.rules.facts": "RuleState Facts Run TagLimit",
    "prefect.rules.verdicts": "Abort Accept Reject Verdict Wait",
}

__getattr__, __dir__ = exports(__name__, _EXPORTS)
