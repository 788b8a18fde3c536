"""The changes made to a statement: word by word, since no library mutates SQL with named parameters."""

import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Final

from tests.mutants.mutant import ROOT, Candidate

CHANGES: Final[tuple[tuple[str, str | Callable[[re.Match[str]], str]], ...]] = (
    (r"<=", "<"),
    (r">=", ">"),
    (r"<>", "="),
    (r"(?<![<>:])=", "<>"),
    (r"<(?![=>])", "<="),
    (r"(?<![<-])>(?!=)", ">="),
    (r"\bAND\b", "OR"),
    (r"\bOR\b", "AND"),
    (r"\bIS NOT NULL\b", "IS NULL"),
    (r"\bIS NULL\b", "IS NOT NULL"),
    (r"\bIS NOT DISTINCT FROM\b", "IS DISTINCT FROM"),
    (r"\bIS DISTINCT FROM\b", "IS NOT DISTINCT FROM"),
    (r"\bNOT (?=EXISTS|IN|\()", ""),
    (r" DESC\b", " ASC"),
    (r"\bMIN\(", "MAX("),
    (r"\bMAX\(", "MIN("),
    (r"\bLEAST\(", "GREATEST("),
    (r"\bGREATEST\(", "LEAST("),
    (r"\bTRUE\b", "FALSE"),
    (r"\bFALSE\b", "TRUE"),
    (r"(?<=[\w)]) \+ (?=[\w(:])", " - "),
    (r"(?<=[\w)]) - (?=[\w(:])", " + "),
    (r"(?<=[\w)]) \* (?=[\w(:])", " / "),
    (r"(?<=[\w)]) / (?=[\w(:])", " * "),
    (r"'(?=[a-z_]+')", "'xx"),
    (r"\bLEFT JOIN\b", "JOIN"),
    (r"\bFOR UPDATE\b", ""),
    (r"\bSKIP LOCKED\b", ""),
    (r"(?<![\w$.:'])\d+(?![\w.'])", lambda found: str(int(found[0]) + 1)),
)
NAME: Final = re.compile(r"^-- name: (\w+)$", re.MULTILINE)
CLAUSE: Final = re.compile(r"\b(?:SET|WHERE|ON)\b")
COMMENT: Final = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)


def sql_mutants(path: str) -> Iterator[Candidate]:
    """Every mutant of a file of statements, in the order of its lines."""
    text = (ROOT / path).read_text()
    quiet = COMMENT.sub(lambda found: " " * len(found[0]), text)
    names = [(found.start(), found[1]) for found in NAME.finditer(text)]
    hits = ((hit, change) for pattern, change in CHANGES for hit in re.finditer(pattern, quiet))
    found = (pair for pair in hits if not _is_assignment(quiet, pair[0]))
    for hit, change in sorted(found, key=lambda pair: pair[0].start()):
        line = text.count("\n", 0, hit.start()) + 1
        put_in = change if isinstance(change, str) else change(hit)
        operator = f"{hit[0].strip()} to {put_in.strip() or 'nothing'}"
        yield Candidate(path, (line, line), operator, partial(_put, text, hit, put_in), _statement(names, hit))
    yield from _without_assignments(path, text, names)


def _is_assignment(text: str, hit: re.Match[str]) -> bool:
    """Whether it is no comparison: any other sign there is no statement at all, which every test would notice."""
    return hit[0] == "=" and CLAUSE.findall(text, 0, hit.start())[-1:] == ["SET"]


def _without_assignments(path: str, text: str, names: list[tuple[int, str]]) -> Iterator[Candidate]:
    """A column is no longer written: the assignments of an UPDATE that have a line of their own."""
    for hit in re.finditer(r"^    \w+ = [^\n]*,[^\n]*\n", text, re.MULTILINE):
        line = text.count("\n", 0, hit.start()) + 1
        yield Candidate(path, (line, line), "assignment dropped", partial(_put, text, hit, ""), _statement(names, hit))


def _statement(names: list[tuple[int, str]], hit: re.Match[str]) -> str:
    return [name for start, name in names if start < hit.start()][-1]


def _put(text: str, hit: re.Match[str], put_in: str) -> str:
    return text[: hit.start()] + put_in + text[hit.end() :]
