"""A Merkle tree grown leaf by leaf, in memory that does not grow with it (RFC 9162's tree)."""

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
        self._branches.append(_Branch(1, leaf, self._size == self._index))
        self._size += 1
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
