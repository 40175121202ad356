"""State of a stream as arrays with slots first, a row each; what `modules/streaming.py` is for tensors. Numpy only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any, TypeVar

import numpy as np
from jaxtyping import Float, Int

RowsT = TypeVar("RowsT", bound="SlotRows")


class SlotRows:
    """Base of frozen dataclasses of arrays, or of such dataclasses; the rows of a fresh slot are zeros.

    No method changes the rows that it is called on.
    """

    __slots__ = ()

    def _items(self) -> dict[str, Any]:
        return {item.name: getattr(self, item.name) for item in fields(self)}  # type: ignore[arg-type]

    def mapped(self: RowsT, function: Callable[[np.ndarray], np.ndarray]) -> RowsT:
        """Returns rows of the same structure whose arrays are `function(array)`."""
        return type(self)(
            **{
                name: value.mapped(function) if isinstance(value, SlotRows) else function(value)
                for name, value in self._items().items()
            }
        )

    def resized(self: RowsT, num: int) -> RowsT:
        """Returns the first `num` rows, with fresh ones at the end where there are fewer."""

        def fitted(value: np.ndarray) -> np.ndarray:
            fresh = np.zeros((max(num - len(value), 0), *value.shape[1:]), dtype=value.dtype)
            return np.concatenate([value[:num], fresh])

        return self.mapped(fitted)

    def reset(self: RowsT, rows: Int[np.ndarray, " n"]) -> RowsT:
        """Returns the rows with fresh ones in the given places."""
        return self.mapped(lambda value: _put(value, rows, 0))

    def put(self: RowsT, rows: Int[np.ndarray, " n"], **new: np.ndarray) -> RowsT:
        """Returns the rows with new values of some fields in the given places."""
        return replace(self, **{name: _put(getattr(self, name), rows, value) for name, value in new.items()})  # type: ignore[type-var]

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Returns all arrays by name, those of a part after the part's name and a dot."""
        arrays: dict[str, np.ndarray] = {}
        for name, value in self._items().items():
            parts = value.to_arrays() if isinstance(value, SlotRows) else {"": value}
            arrays |= {f"{name}.{part}".removesuffix("."): array for part, array in parts.items()}
        return arrays

    def filled(self: RowsT, arrays: dict[str, np.ndarray], prefix: str = "") -> RowsT:
        """Returns rows of this structure that hold copies of the arrays of `to_arrays`."""
        return type(self)(
            **{
                name: value.filled(arrays, f"{prefix}{name}.")
                if isinstance(value, SlotRows)
                else arrays[prefix + name].copy()
                for name, value in self._items().items()
            }
        )


def over_ages(memory: Any, *columns: np.ndarray) -> Float[np.ndarray, "n l feature"]:
    """Returns the features of whole tracks, frame by frame: one row per track and age.

    Args:
        memory: fresh rows with `advanced(rows, *values)`, which returns features and the rows after one more frame.
        columns: its values, by track and age.
    """
    every, found = np.arange(len(columns[0])), []
    for age in range(columns[0].shape[1]):
        features, memory = memory.advanced(every, *(column[:, age] for column in columns))
        found.append(features)
    return np.stack(found, axis=1)


def _put(value: np.ndarray, rows: np.ndarray, new: np.ndarray | int) -> np.ndarray:
    value = value.copy()
    value[rows] = new
    return value
