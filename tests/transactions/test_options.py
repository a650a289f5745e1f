"""Options of the transaction classes that `transaction()` has no parameter for."""

from typing import Any

import pytest

from prefect.transactions import AsyncTransaction, BaseTransaction, Transaction, TransactionState


def test_transaction_takes_children_state_and_hooks() -> None:
    calls: list[str] = []

    def note(name: str) -> Any:
        return lambda _: calls.append(name)

    child = Transaction(on_commit_hooks=[note("child")], state=TransactionState.STAGED)
    parent = Transaction(
        children=[child],
        state=TransactionState.STAGED,
        on_commit_hooks=[note("commit")],
        on_rollback_hooks=[note("undo")],
    )

    assert parent.is_staged() and parent.children == [child]
    with Transaction(on_commit_hooks=[note("commit")], on_rollback_hooks=[note("undo")], children=[child]):
        pass
    assert calls == ["child", "commit"]


def test_transaction_calls_its_rollback_hooks() -> None:
    calls: list[str] = []

    with pytest.raises(ValueError, match="on purpose"), Transaction(on_rollback_hooks=[lambda _: calls.append("undo")]):
        raise ValueError("on purpose")

    assert calls == ["undo"]


async def test_async_transaction_takes_children_state_and_hooks() -> None:
    calls: list[str] = []
    child = AsyncTransaction(on_commit_hooks=[lambda _: calls.append("child")], state=TransactionState.STAGED)

    async with AsyncTransaction(
        children=[child],
        state=TransactionState.PENDING,
        on_commit_hooks=[lambda _: calls.append("commit")],
        on_rollback_hooks=[lambda _: calls.append("undo")],
    ) as parent:
        assert parent.children == [child]

    assert calls == ["child", "commit"]


async def test_async_transaction_calls_its_rollback_hooks() -> None:
    calls: list[str] = []

    with pytest.raises(ValueError, match="on purpose"):
        async with AsyncTransaction(on_rollback_hooks=[lambda _: calls.append("undo")]):
            raise ValueError("on purpose")

    assert calls == ["undo"]


def test_base_transactions_compare_by_their_options() -> None:
    hook = print
    options: dict[str, Any] = {"key": "k"}
    plain = BaseTransaction(**options)

    assert plain == BaseTransaction(**options)
    assert plain != BaseTransaction(**options, children=[plain])
    assert plain != BaseTransaction(**options, state=TransactionState.STAGED)
    assert plain != BaseTransaction(**options, on_commit_hooks=[hook])
    assert plain != BaseTransaction(**options, on_rollback_hooks=[hook])
