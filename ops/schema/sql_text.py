"""Cuts a file of SQL into its statements, as psql would."""

import re
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""
      (?P<blank>   \s+ | --[^\n]* )
    | (?P<comment> /\* )
    | (?P<quoted>  [eE]'(?:[^'\\]|\\.|'')*' | '(?:[^']|'')*' | "(?:[^"]|"")*"
                 | (?P<tag>\$(?:[A-Za-z_]\w*)?\$) .*? (?P=tag)
                 | [Bb][Ee][Gg][Ii][Nn]\s+[Aa][Tt][Oo][Mm][Ii][Cc]\b .*? ;\s*[Ee][Nn][Dd]\b )
    | (?P<open>    ['"] | \$(?:[A-Za-z_]\w*)?\$ )
    | (?P<end>     ; )
    | (?P<other>   [A-Za-z_][\w$]* | . )
    """,
    re.DOTALL | re.VERBOSE,
)


@dataclass(frozen=True)
class Statement:
    """One statement without its semicolon, and the line of the file on which it begins."""

    line: int
    text: str


def split_statements(sql: str) -> list[Statement]:
    """The statements of *sql* in order, without comments around them.

    Quotes, E'' strings, dollar quotes, nested comments and the bodies of BEGIN ATOMIC functions are
    followed. Raises ValueError on a quote or comment that does not end.
    """
    statements: list[Statement] = []
    begin = -1
    position = 0
    while position < len(sql):
        kind, end = _token(sql, position)
        if kind == "end":
            statements += _statement(sql, begin, position)
            begin = -1
        elif kind in {"quoted", "other"} and begin < 0:
            begin = position
        position = end
    return statements + _statement(sql, begin, len(sql))


def _statement(sql: str, begin: int, end: int) -> list[Statement]:
    if begin < 0:
        return []
    return [Statement(_line(sql, begin), sql[begin:end].rstrip())]


def _token(sql: str, position: int) -> tuple[str, int]:
    match = _TOKEN.match(sql, position)
    assert match is not None, "the pattern's last branch takes any character"
    kind = match.lastgroup
    if kind == "comment":
        return kind, _comment_end(sql, position)
    if kind == "open":
        raise ValueError(f"line {_line(sql, position)}: the quote that begins here does not end")
    assert kind is not None, "every branch is named"
    return kind, match.end()


def _comment_end(sql: str, position: int) -> int:
    """Where the comment that opens at *position* ends; comments nest in PostgreSQL."""
    depth = 0
    for mark in re.compile(r"/\*|\*/").finditer(sql, position):
        depth += 1 if mark[0] == "/*" else -1
        if depth == 0:
            return mark.end()
    raise ValueError(f"line {_line(sql, position)}: the comment that begins here does not end")


def _line(sql: str, position: int) -> int:
    return sql.count("\n", 0, position) + 1
