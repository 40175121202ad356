"""A forest of extremely randomised trees as plain arrays: inference in numpy, and how it is stored.

Knows numbers only. How it is grown is the business of training.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, Float32, Int16, Int32

from perdure.evidence.loops import find_leaves

LEAF = -1
"""Feature number of a node that asks nothing."""
MAX_NATS = 6.0
"""Largest evidence of a forest: shares nearer to certainty cannot be told from it."""
LEVELS = 4
"""Levels that all pairs go down before those that have arrived are taken out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forest:
    """Trees one after the other in flat arrays.

    Args:
        feature: column that a node asks about, `LEAF` in a leaf.
        threshold: a row goes left if its value is at most this.
        left: node that it then goes to.
        right: node that it goes to otherwise.
        value: share of persistent tracks in the node, both classes weighted alike.
        root: first node of each tree.

    Raises:
        ValueError: the arrays are of no forest: a node leads back or out of them, which would never end, or a number is
            not finite.
    """

    feature: Int16[np.ndarray, " node"]
    threshold: Float32[np.ndarray, " node"]
    left: Int32[np.ndarray, " node"]
    right: Int32[np.ndarray, " node"]
    value: Float32[np.ndarray, " node"]
    root: Int32[np.ndarray, " tree"]
    _nodes: Int32[np.ndarray, "node 4"] = field(init=False, repr=False, compare=False)
    """All of a node together: what it asks, the bits of its threshold, and the nodes right and left of it. A leaf leads
    to itself."""

    def __post_init__(self) -> None:
        arrays = self.to_arrays()
        num, of_nodes = len(self.feature), [value for name, value in arrays.items() if name != "root"]
        if any(value.ndim != 1 for value in arrays.values()) or any(len(value) != num for value in of_nodes):
            raise ValueError("forest: got arrays of unequal length; the file is damaged")
        if any(arrays[name].dtype.kind != "i" for name in ("feature", "left", "right", "root")):
            raise ValueError("forest: got numbers of nodes that are no integers; the file is damaged")
        inner = np.flatnonzero(self.feature != LEAF)
        children = np.concatenate([self.left[inner], self.right[inner]])
        if not len(self.root) or self.feature.min() < LEAF or self.root.min() < 0 or self.root.max() >= num:
            raise ValueError("forest: got no root, or a node that is not in it; the file is damaged")
        # Nodes lie behind those that lead to them, so every way through the forest ends.
        if (children <= np.tile(inner, 2)).any() or (children >= num).any():
            raise ValueError("forest: got a node that leads back or out of it; the file is damaged")
        if not (np.isfinite(self.threshold).all() and (self.value >= 0).all() and (self.value <= 1).all()):
            raise ValueError("forest: got a threshold or a share that is no finite number, or none from 0 to 1")
        leaf = np.flatnonzero(self.feature == LEAF)
        nodes = np.empty((num, 4), dtype=np.int32)
        nodes[:, 0], nodes[:, 1], nodes[:, 2], nodes[:, 3] = (
            self.feature, self.threshold.view(np.int32), self.right, self.left,
        )  # fmt: skip
        nodes[leaf, 2:] = leaf[:, None]
        object.__setattr__(self, "_nodes", nodes)

    def share(self, rows: Float[np.ndarray, "n f"]) -> Float[np.ndarray, " n"]:
        """Returns the mean over trees of the share of persistent tracks in the leaf of each row, in [0, 1]."""
        values = np.ascontiguousarray(rows, dtype=np.float32)
        return self.value[self._leaves(values)].astype(np.float64).mean(axis=1)

    def _leaves(self, values: Float32[np.ndarray, "n f"]) -> Int32[np.ndarray, "n tree"]:
        """Returns the leaf that each row comes to in each tree."""
        num, num_trees = len(values), len(self.root)
        if find_leaves.run is not None:
            found = np.empty((num, num_trees), dtype=np.int32)
            find_leaves.run(values, self._nodes, self._nodes.view(np.float32), self.root, found)
            return found
        with find_leaves.without():
            return self._leaves_of_pairs(values)

    def _leaves_of_pairs(self, values: Float32[np.ndarray, "n f"]) -> Int32[np.ndarray, "n tree"]:
        """Returns the same without compiled code.

        All pairs of a row and a tree go down together. Those that have arrived are taken out every few levels only,
        since that costs as much as a level.
        """
        num, num_trees = len(values), len(self.root)
        node = np.tile(self.root, num)
        start = np.repeat(np.arange(num) * values.shape[1], num_trees)
        leaves, pairs, flat, sides = node.copy(), np.arange(len(node)), values.reshape(-1), self._nodes.reshape(-1)
        while len(pairs):
            for _ in range(LEVELS):
                asked = flat.take(start + np.maximum(self.feature.take(node), 0))
                node = sides.take(4 * node + 2 + (asked <= self.threshold.take(node)))
            leaves[pairs] = node
            going = np.flatnonzero(self.feature.take(node) != LEAF)
            node, start, pairs = node[going], start[going], pairs[going]
        return leaves.reshape(num, num_trees)

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Returns the arrays by name, ready to be stored."""
        return {name: getattr(self, name) for name in ("feature", "threshold", "left", "right", "value", "root")}

    @classmethod
    def join(cls, trees: list[dict[str, np.ndarray]]) -> Forest:
        """Returns a forest of single trees, each with arrays as above but the root, which is its first node."""
        sizes = [len(tree["feature"]) for tree in trees]
        root = np.concatenate([[0], np.cumsum(sizes)[:-1]])
        moved = [
            {name: tree[name] + start for name in ("left", "right")} for tree, start in zip(trees, root, strict=True)
        ]
        return cls(
            feature=np.concatenate([tree["feature"] for tree in trees]).astype(np.int16),
            threshold=_rounded_down(np.concatenate([tree["threshold"] for tree in trees])),
            left=np.concatenate([tree["left"] for tree in moved]).astype(np.int32),
            right=np.concatenate([tree["right"] for tree in moved]).astype(np.int32),
            value=np.concatenate([tree["value"] for tree in trees]).astype(np.float32),
            root=root.astype(np.int32),
        )


def _rounded_down(threshold: Float[np.ndarray, " node"]) -> Float32[np.ndarray, " node"]:
    """Returns the largest numbers of single precision that are not above some thresholds.

    A tree compares values of single precision with thresholds of double precision; of these thresholds the same values
    are at most so large, while rounding to the nearest would send a value between the two down the other branch.
    """
    single = threshold.astype(np.float32)
    return np.where(single > threshold, np.nextafter(single, np.float32(-np.inf)), single).astype(np.float32)


def evidence_of_share(share: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """Returns log odds of a share, cut to `MAX_NATS`.

    >>> evidence_of_share(np.array([0.5, 1.0])).round(3).tolist()
    [0.0, 6.0]
    """
    kept = np.clip(share, 1 / (1 + np.exp(MAX_NATS)), 1 / (1 + np.exp(-MAX_NATS)))
    return np.log(kept) - np.log1p(-kept)
