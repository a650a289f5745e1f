"""Transactions: staging, committing, rolling back, nesting."""

import uuid

from _facts import fact, history, run_id, trace

from prefect import flow, task
from prefect.transactions import CommitMode, get_transaction, transaction

log = []


@task
def first(x=1):
    return x


@first.on_commit
def first_commits(txn):
    log.append(["commit first", type(txn).__name__, txn.name])


@first.on_rollback
def first_rolls_back(txn):
    log.append(["rollback first", txn.get("note", "no note")])


@task
def second(x=1):
    return x


second.on_rollback(lambda txn: log.append(["rollback second"]))
second.on_commit(lambda txn: log.append(["commit second"]))


@task
def bad():
    raise ValueError("broke")


@bad.on_rollback
def bad_rolls_back(txn):
    log.append(["rollback bad"])


@task
def bad_hook():
    return 1


bad_hook.on_rollback(lambda txn: 1 / 0)


def check(name, body):
    log.clear()

    @flow(name=name)
    def run():
        return body()

    trace(f"{name}: outcome", run)
    fact(f"{name}: log", list(log))


def fails():
    with transaction() as txn:
        txn.set("note", "hello")
        first()
        second()
        log.append("end of the block")
        raise ValueError("in the block")


def task_fails():
    with transaction():
        first()
        second()
        bad()


def works():
    with transaction() as txn:
        first()
        fact("state inside", [txn.state.name, txn.is_active(), txn.is_committed()])
        second()
        log.append("end of the block")
    fact("state after", [txn.state.name, txn.is_active(), txn.is_committed()])


def nested():
    with transaction():
        first()
        with transaction():
            second()
        log.append("inner block ended")
        raise ValueError("outer")


def nested_eager():
    with transaction():
        first()
        with transaction(commit_mode=CommitMode.EAGER):
            second()
        log.append("inner block ended")
        raise ValueError("outer")


def off():
    with transaction(commit_mode=CommitMode.OFF) as txn:
        first()
        log.append("end")
    fact("state of OFF", txn.state.name)


def caught():
    with transaction():
        first()
        try:
            bad()
        except ValueError:
            log.append("caught")
        second()


def hook_fails():
    with transaction():
        first()
        bad_hook()
        raise ValueError("in the block")


def values():
    with transaction(key=str(uuid.uuid4())) as txn:
        txn.set("a", {"b": 1})
        got = txn.get("a")
        got["b"] = 2
        fact("a value is a copy", txn.get("a"))
        fact("the current one", get_transaction() is txn)
        trace("missing value", lambda: txn.get("nope"))
        fact("missing with a default", txn.get("nope", None))
        with transaction() as inner:
            fact("values of the parent", inner.get("a"))
            inner.set("a", "inner")
        fact("parent's after the child's", txn.get("a"))


def staged():
    key = str(uuid.uuid4())
    with transaction(key=key, write_on_commit=True) as txn:
        fact("committed before", txn.is_committed())
        txn.stage({"x": 1})
    with transaction(key=key) as txn:
        fact("committed second time", txn.is_committed())
        fact("read", type(txn.read()).__name__)
        trace("staged value", lambda: txn.read().result)


def submitted():
    with transaction():
        first.submit().wait()
        raise ValueError("in the block")


for body in (fails, task_fails, works, nested, nested_eager, off, caught, hook_fails, values, staged, submitted):
    check(body.__name__, body)
log.clear()
states = []


@flow
def recorded():
    with transaction():
        states.append(first(return_state=True))
        raise ValueError("x")


recorded(return_state=True)
fact("history of a rolled back task", history(run_id(states[0])))
log.clear()
flow(lambda: first())()
fact("hooks without a transaction", list(log))
log.clear()
flow(lambda: bad(return_state=True).name)()
fact("rollback of a failed task without a transaction", list(log))
fact("outside", get_transaction())
log.clear()
with transaction() as txn:
    first()
    log.append("end")
fact("outside a flow", list(log))
trace("isolation", lambda: [each.name for each in __import__("prefect.transactions", fromlist=["x"]).IsolationLevel])
