"""A Merkle tree grown leaf by leaf, in memory that does not grow with it (RFC 9162's tree)."""

from collections.abc import Sequence
from typing import NamedTuple

from ops.books.verify import node_hash


class _Branch(NamedTuple):
    """A complete tree below a node; *holds* tells whether the leaf that is looked for is in it."""

    leaves: int
    node: bytes
    holds: bool


class Tree:
    """Takes leaves in order and gives the root, and the path of the leaf at *index* to it."""

    def __init__(self, index: int | None = None) -> None:
        self._index = index
        self._size = 0
        self._branches: list[_Branch] = []
        self._path: list[str] = []

    def add(self, leaf: bytes) -> None:
        """Put a leaf behind the others."""
        self._put(_Branch(1, leaf, self._size == self._index))

    def extend(self, leaves: Sequence[bytes]) -> None:
        """Put leaves behind the others: level by level where they are a complete tree that no path goes through."""
        count = len(leaves)
        is_complete = count > 0 and not count & (count - 1) and not self._size % count
        if not is_complete or (self._index is not None and self._size <= self._index < self._size + count):
            for leaf in leaves:
                self.add(leaf)
            return
        nodes = leaves
        while len(nodes) > 1:
            nodes = [node_hash(left, right) for left, right in zip(nodes[::2], nodes[1::2], strict=True)]
        self._put(_Branch(count, nodes[0], holds=False))

    def _put(self, branch: _Branch) -> None:
        self._branches.append(branch)
        self._size += branch.leaves
        while len(self._branches) > 1 and self._branches[-2].leaves == self._branches[-1].leaves:
            self._join()

    def close(self) -> tuple[str, list[str]]:
        """The root and the path, from the leaf upwards, in hexadecimal digits; nothing is added after it."""
        while len(self._branches) > 1:
            self._join()
        return self._branches[0].node.hex(), self._path

    def _join(self) -> None:
        left, right = self._branches[-2:]
        if left.holds or right.holds:
            self._path.append((right if left.holds else left).node.hex())
        joined = _Branch(left.leaves + right.leaves, node_hash(left.node, right.node), left.holds or right.holds)
        self._branches[-2:] = [joined]
