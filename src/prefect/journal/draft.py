"""A record that grows until it is written."""

from __future__ import annotations

from prefect.types.mappings import Record


class Draft:
    """A record to which its writer may add states until it is sealed to be written.

    Most runs are over before their first record is written: one record then holds all of the run, at a third of the
    cost. After adding a state, check `sealed`: when it is set, the addition may be too late and must be appended as a
    separate record. A state that is written twice counts once.

    Attributes:
        record: The record; `record["states"]` is what may grow.
        sealed: It has been, or is about to be, written.
    """

    __slots__ = ("record", "sealed")

    def __init__(self, record: Record) -> None:
        self.record = record
        self.sealed = False

    def seal(self) -> Record:
        """Seal the record and return it."""
        self.sealed = True
        return {**self.record, "states": list(self.record["states"])}
