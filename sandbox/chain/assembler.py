"""Turns readable EVM instructions into the bytes that the machine runs; opcodes are the machine's own."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from eth.vm import opcode_values

TOKEN_SOURCE: Final = Path(__file__).parent / "token.easm"
LABEL_BYTES: Final = 2  # a place is pushed by PUSH2
RECURSION_LIMIT: Final = 1000  # Python's own

# The machine's import raises it to 10,240, for contracts that call one another a thousand deep. None does here, and a
# nested JSON document would overflow this process's stack instead of being refused.
sys.setrecursionlimit(RECURSION_LIMIT)


class _Line(NamedTuple):
    label: str
    opcode: int | None
    operand: str
    width: int

    @property
    def size(self) -> int:
        return 0 if self.opcode is None else 1 + self.width


def assemble(source: str) -> bytes:
    """Return the code of a program; ValueError for a line that is no instruction and an operand that does not fit."""
    lines = [_read(text) for text in source.splitlines()]
    places: dict[str, int] = {}
    position = 0
    for line in lines:
        if line.label:
            places[line.label] = position
        position += line.size
    return b"".join(part for line in lines for part in _bytes_of(line, places))


def _read(text: str) -> _Line:
    words = text.partition(";")[0].split()
    label = words.pop(0).removesuffix(":") if words and words[0].endswith(":") else ""
    name, operand = (*words, "", "")[:2]
    if len(words) > 2 or (name and not hasattr(opcode_values, name)):
        raise ValueError(f"no instruction: {text.strip()}")
    width = int(name.removeprefix("PUSH")) if name.startswith("PUSH") else 0
    if bool(operand) != bool(width):
        raise ValueError(f"an operand too many or too few: {text.strip()}")
    return _Line(label, getattr(opcode_values, name) if name else None, operand, width)


def _bytes_of(line: _Line, places: dict[str, int]) -> Iterator[bytes]:
    if line.opcode is None:
        return
    yield bytes([line.opcode])
    if line.operand.startswith("@"):
        yield places[line.operand[1:]].to_bytes(LABEL_BYTES, "big")
    elif line.operand:
        yield bytes.fromhex(line.operand.removeprefix("0x")).rjust(line.width, b"\0")
