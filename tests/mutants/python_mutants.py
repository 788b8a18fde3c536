"""The changes made to a Python file: mutmut's operators wherever they apply, and some of our own.

mutmut's own runner leaves out what is decorated and what stands outside functions; half of what decides here is a
property, a field of a frozen record or a constant, so that its operators are applied to the whole tree instead.
"""

from collections.abc import Iterable, Iterator
from functools import partial
from itertools import islice
from typing import Any, Final

import libcst as cst
import libcst.matchers as m
from libcst.metadata import MetadataWrapper, ParentNodeProvider, PositionProvider
from mutmut.mutation import mutators

from tests.mutants.mutant import ROOT, Candidate

SWAPPED: Final = {
    "min": "max",
    "max": "min",
    "any": "all",
    "all": "any",
    "ROUND_DOWN": "ROUND_UP",
    "ROUND_CEILING": "ROUND_FLOOR",
}
IN_LOG_LINES: Final = m.Call(func=m.Attribute(value=m.Name("logs")))
FOR_CHECKERS: Final = (cst.Annotation, cst.Decorator, cst.Import, cst.ImportFrom, cst.Assert)


def python_mutants(path: str) -> Iterator[Candidate]:
    """Every mutant of a file, in the order of its lines."""
    wrapper = MetadataWrapper(cst.parse_module((ROOT / path).read_text()))
    parents = wrapper.resolve(ParentNodeProvider)
    positions = wrapper.resolve(PositionProvider)
    for top in wrapper.module.body:
        for node in _nodes(top):
            if _is_for_people_or_checkers(node, parents):
                continue
            first = positions[_statement(node, parents)].start.line
            ends = node.test if isinstance(node, cst.If) else node
            last = positions[ends].end.line if ends in positions else first
            for operator, mutated in _mutations(node, parents):
                render = partial(_render, wrapper.module, top, node, mutated)
                yield Candidate(path, (first, last), operator, render)


def _render(module: cst.Module, top: cst.BaseStatement, node: cst.CSTNode, mutated: cst.CSTNode) -> str:
    """Write the whole module with one node changed."""
    changed = mutated if top is node else top.deep_replace(node, mutated)
    return module.with_changes(body=[changed if other is top else other for other in module.body]).code


def _nodes(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    yield node
    for child in node.children:
        yield from _nodes(child)


def _mutations(node: cst.CSTNode, parents: Any) -> Iterator[tuple[str, cst.CSTNode]]:
    for kind, operator in mutators.mutation_operators:
        if isinstance(node, kind) and not _is_left_out(operator, node, parents):
            for mutated in _thinned(operator, operator(node)):
                yield operator.__name__.removeprefix("operator_"), mutated
    for own in (_swapped, _statement_dropped, _condition_forced, _filter_dropped, _nothing_returned):
        for mutated in own(node, parents):
            yield own.__name__.removeprefix("_"), mutated


def _thinned(operator: Any, mutated: Iterable[cst.CSTNode]) -> Iterator[cst.CSTNode]:
    """Of the three changes to a text the first: upper and lower case of a word are no further mistakes."""
    yield from islice(mutated, 1) if operator is mutators.operator_string else mutated


def _is_left_out(operator: Any, node: cst.CSTNode, parents: Any) -> bool:
    if operator is mutators.operator_assignment and isinstance(node, cst.AnnAssign | cst.Assign):
        return node.value is None or _is_alias(node)
    if operator is mutators.operator_arg_removal:  # what is said to people may be any
        return isinstance(parents[node], cst.Raise) or m.matches(node, IN_LOG_LINES)
    return operator is mutators.operator_string and m.matches(node, m.SimpleString(value=m.MatchIfTrue(_is_blank)))


def _is_blank(text: str) -> bool:
    return text.startswith(('"""', "'''"))


def _is_alias(node: cst.AnnAssign | cst.Assign) -> bool:
    """A name for a type."""
    return m.matches(node, m.Assign(value=m.Subscript() | m.BinaryOperation(operator=m.BitOr())))


def _is_for_people_or_checkers(node: cst.CSTNode, parents: Any) -> bool:
    """What no behaviour hangs on: annotations, assertions, docstrings, and what lines and errors say to people."""
    inner: cst.CSTNode = node
    while (outer := parents.get(inner)) is not None:
        if isinstance(inner, FOR_CHECKERS) or m.matches(outer, m.If(test=m.Name("TYPE_CHECKING"))):
            return True
        is_message = isinstance(inner, cst.Arg) and inner.keyword is None and isinstance(parents.get(outer), cst.Raise)
        if is_message or m.matches(outer, IN_LOG_LINES):
            return True
        inner = outer
    return m.matches(node, m.SimpleString()) and isinstance(parents.get(node), cst.Expr)


def _statement(node: cst.CSTNode, parents: Any) -> cst.CSTNode:
    while not isinstance(node, cst.BaseStatement | cst.SimpleStatementLine) and parents.get(node) is not None:
        node = parents[node]
    return node


# Our own operators


def _swapped(node: cst.CSTNode, parents: Any) -> Iterator[cst.CSTNode]:
    if isinstance(node, cst.Name) and node.value in SWAPPED and not isinstance(parents[node], cst.Arg | cst.Attribute):
        yield node.with_changes(value=SWAPPED[node.value])
    elif isinstance(node, cst.Name) and node.value.startswith("ROUND_") and node.value in SWAPPED:
        yield cst.SimpleString(f'"{SWAPPED[node.value]}"')


def _statement_dropped(node: cst.CSTNode, parents: Any) -> Iterator[cst.CSTNode]:
    """A call for its effect, a refusal, or the next round of a loop does not happen."""
    is_call = m.matches(node, m.Expr(value=m.Call()))
    if is_call or isinstance(node, cst.Raise | cst.Continue):
        yield cst.Pass()


def _condition_forced(node: cst.CSTNode, parents: Any) -> Iterator[cst.CSTNode]:
    """A condition always or never holds."""
    if isinstance(node, cst.If):
        yield node.with_changes(test=cst.Name("True"), whitespace_before_test=cst.SimpleWhitespace(" "))
        yield node.with_changes(test=cst.Name("False"), whitespace_before_test=cst.SimpleWhitespace(" "))


def _filter_dropped(node: cst.CSTNode, parents: Any) -> Iterator[cst.CSTNode]:
    if isinstance(node, cst.CompFor) and node.ifs:
        yield node.with_changes(ifs=[])


def _nothing_returned(node: cst.CSTNode, parents: Any) -> Iterator[cst.CSTNode]:
    if isinstance(node, cst.Return) and node.value is not None and not m.matches(node.value, m.Name("None")):
        yield node.with_changes(value=cst.Name("None"), whitespace_after_return=cst.SimpleWhitespace(" "))
