"""Labels that describe event resources: dotted names with text values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pydantic import RootModel


class LabelDiver:
    """Labels as attributes, so that a template can write `labels.prefect.resource.id`."""

    def __init__(self, labels: dict[str, str], value: str = "") -> None:
        self._labels = labels
        self._value = value

    def __repr__(self) -> str:
        return f"LabelDiver({self._labels!r}, {self._value!r})"

    def __str__(self) -> str:
        return self._value

    def __len__(self) -> int:
        return len(self._labels)

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._labels.items())

    def __getitem__(self, key: str) -> str:
        return self._labels[key]

    def __getattr__(self, name: str) -> LabelDiver:
        if name.startswith("_"):
            raise AttributeError(name)
        prefix = f"{name}."
        below = {key.removeprefix(prefix): value for key, value in self._labels.items() if key.startswith(prefix)}
        if not below and name not in self._labels:
            raise AttributeError(f"There is no label {name!r} among {sorted(self._labels)}.")
        return LabelDiver(below, self._labels.get(name, ""))


class Labelled(RootModel[dict[str, str]]):
    """Base class of objects described by labels."""

    def keys(self) -> Iterable[str]:
        """Return the names of the labels."""
        return self.root.keys()

    def items(self) -> Iterable[tuple[str, str]]:
        """Return the labels as pairs of name and value."""
        return self.root.items()

    def __contains__(self, label: str) -> bool:
        return label in self.root

    def __getitem__(self, label: str) -> str:
        return self.root[label]

    def __setitem__(self, label: str, value: str) -> None:
        self.root[label] = value

    def get(self, label: str, default: str | None = None) -> str | None:
        """Return the value of a label, or `default`."""
        return self.root.get(label, default)

    def as_label_value_array(self) -> list[dict[str, str]]:
        """Return the labels as dictionaries with the keys `label` and `value`."""
        return [{"label": label, "value": value} for label, value in self.items()]

    @property
    def labels(self) -> LabelDiver:
        """Return the labels as attributes."""
        return LabelDiver(self.root)

    def has_all_labels(self, labels: dict[str, str]) -> bool:
        """Return whether all labels are present with these values."""
        return all(self.root.get(label) == value for label, value in labels.items())
