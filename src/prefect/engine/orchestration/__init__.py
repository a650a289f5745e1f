"""Decisions about the states of a flow run: the interface `orchestrator`, and its implementations `local` and `remote`.

`selection` chooses one of them. It must not call user code or wait for a run.
"""
