"""Rows in a file that a spreadsheet, or another program, takes for what they are."""

import csv
import json
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, TextIO

from ops.command_line.answers import rfc3339
from ops.command_line.failures import NotDone
from ops.command_line.text import visible
from shared.model.money import plain

_STEERS_A_SPREADSHEET: Final = ("=", "+", "-", "@", "\t", "\r")
_ENDS_A_LINE: Final = re.compile("[\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029]")  # for one program or another
Rows = Iterable[Mapping[str, Any]]


def write_file(file: Path, form: str, rows: Rows) -> int:
    """Write rows as csv or jsonl and return how many; the file is there whole or as it was, as it was for no row."""
    require_replaceable(file)
    written = file.with_name(file.name + ".part")
    try:
        with written.open("w", encoding="utf-8", newline="") as target:
            count = _WRITERS[form](target, rows)
        if count:
            written.replace(file)
    finally:
        written.unlink(missing_ok=True)
    return count


def require_replaceable(file: Path) -> None:
    """Refuse what is there and is no file: /dev/stdout would be replaced, not written to."""
    if file.exists() and not (file.is_file() and not file.is_symlink()):
        raise NotDone(f"{file} is a device, a pipe or a link, which would be replaced; name a file")


def _write_csv(target: TextIO, rows: Rows) -> int:
    lines = csv.writer(target, lineterminator="\n")
    count = 0
    for count, row in enumerate(rows, start=1):
        if count == 1:
            lines.writerow(row)
        lines.writerow([_cell(value) for value in row.values()])
    return count


def _write_jsonl(target: TextIO, rows: Rows) -> int:
    count = 0
    for row in rows:
        document = {name: _plain(value) for name, value in row.items()}
        target.write(json.dumps(document, ensure_ascii=False, allow_nan=False) + "\n")
        count += 1
    return count


def _cell(value: Any) -> str:
    """A value for a spreadsheet: one line; a text that it would take for a formula gets an apostrophe before it."""
    if isinstance(value, str):
        line = _ENDS_A_LINE.sub(lambda found: visible(found[0]), value)
        return f"'{line}" if value.startswith(_STEERS_A_SPREADSHEET) else line
    written = _plain(value)
    return "" if written is None else str(written).lower() if isinstance(written, bool) else str(written)


def _plain(value: Any) -> Any:
    """A value as text: amounts without an exponent, times in RFC 3339; numbers, truth and nothing as they are."""
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, datetime):
        return rfc3339(value if value.tzinfo else value.replace(tzinfo=UTC))
    return value if value is None or isinstance(value, bool | int) else str(value)


_WRITERS: Final[dict[str, Callable[[TextIO, Rows], int]]] = {"csv": _write_csv, "jsonl": _write_jsonl}
