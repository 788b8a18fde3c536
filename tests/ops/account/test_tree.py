"""The tree is RFC 9162's, whatever its size, and every leaf's path leads to its root."""

import contextlib
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.books.tree import Tree
from ops.books.verify import NotTrueError, climb, node_hash


def leaf(number: int) -> bytes:
    """Some hash."""
    return hashlib.sha256(b"\x00" + str(number).encode()).digest()


def root_of(leaves: list[bytes]) -> bytes:
    """The definition, word by word: split at the largest power of two below the number of leaves."""
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return node_hash(root_of(leaves[:split]), root_of(leaves[split:]))


def grown(size: int, index: int) -> tuple[str, list[str]]:
    """A tree of so many leaves, and the path of one."""
    tree = Tree(index)
    for number in range(size):
        tree.add(leaf(number))
    return tree.close()


@given(st.integers(1, 300), st.data())
def test_every_path_leads_to_the_root_of_the_definition(size: int, data: st.DataObject) -> None:
    """Grown leaf by leaf or defined as a whole, it is the same tree."""
    index = data.draw(st.integers(0, size - 1))
    root, path = grown(size, index)
    assert root == root_of([leaf(number) for number in range(size)]).hex()
    assert climb(leaf(index), path, index=index, size=size) == root


@given(st.integers(2, 200), st.data())
def test_a_path_serves_one_place_in_one_tree(size: int, data: st.DataObject) -> None:
    """With another index or another size it leads elsewhere, or nowhere."""
    index = data.draw(st.integers(0, size - 1))
    other = data.draw(st.integers(0, size - 1).filter(lambda number: number != index))
    root, path = grown(size, index)
    with contextlib.suppress(NotTrueError):
        assert climb(leaf(index), path, index=other, size=size) != root
    with pytest.raises(NotTrueError, match="not one of this tree"):
        climb(leaf(index), path[:-1], index=index, size=size)
    with pytest.raises(NotTrueError, match="not one of this tree"):
        climb(leaf(index), [*path, path[-1]], index=index, size=size)


def test_memory_does_not_grow_with_the_tree() -> None:
    """A branch for each power of two, and no more."""
    tree = Tree()
    for number in range(10_000):
        tree.add(leaf(number))
        assert len(tree._branches) <= 14


@pytest.mark.parametrize("size", [1, 2, 3, 16, 17, 40, 64, 71])
def test_blocks_give_the_tree_of_single_leaves(size: int) -> None:
    """Complete blocks, cut ones, and the block that holds the leaf which is looked for: one root, one path."""
    leaves = [bytes([number]) * 32 for number in range(size)]
    for index in (None, *range(size)):
        one_by_one, in_blocks = Tree(index), Tree(index)
        for leaf in leaves:
            one_by_one.add(leaf)
        for first in range(0, size, 8):
            in_blocks.extend(leaves[first : first + 8])
        assert in_blocks.close() == one_by_one.close()
