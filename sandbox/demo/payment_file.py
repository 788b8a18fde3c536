"""Reads the payments that the demo plays from a CSV file; a bad line is refused by its number."""

import csv
import re
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

REQUIRED = ("round", "payment_amount_usd", "client_id", "user_id")
OPTIONAL = ("outcome_eth",)
PAYMENTS_MAX = 10_000
AMOUNT_USD_MAX = Decimal("99999999.99")
USER_ID_MAX = 2**63 - 1
CLIENT_ID_CHARACTERS_MAX = 14


class BadFileError(Exception):
    """The file cannot be played; the message says where it is wrong and what to write."""


@dataclass(frozen=True)
class FilePayment:
    """One line of the file."""

    round: int
    amount_usd: Decimal
    client_id: str
    user_id: int
    outcome_eth: Decimal | None


def read_payments(path: Path) -> list[FilePayment]:
    """Read all payments in the order of the file, whose rounds never go back."""
    payments: list[FilePayment] = []
    columns: list[str] | None = None
    number = 0
    for number, line in enumerate(_lines(path), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        try:
            cells = _cells(line)
            if columns is None:
                columns = _columns(cells)
                continue
            payments.append(_payment(columns, cells))
            _check_order(payments)
        except ValueError as error:
            raise BadFileError(f"{path.name} line {number}: {error}") from error
    if not payments:
        raise BadFileError(
            f"{path.name} line {number + 1}: the file ends without a payment; "
            "write one such as 1,12.50,client-anna,1001"
        )
    return payments


def _lines(path: Path) -> list[str]:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BadFileError(f"{path}: {error.strerror}; name a CSV file of payments") from error
    try:
        return data.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise BadFileError(f"{path.name} line {line}: not UTF-8; save the file as UTF-8") from error


def _cells(line: str) -> list[str]:
    try:
        return [cell.strip() for cell in next(csv.reader([line], strict=True, skipinitialspace=True))]
    except csv.Error as error:
        raise ValueError(f"not CSV ({error}); write values with commas between them") from error


def _columns(cells: list[str]) -> list[str]:
    """Check the line of column names."""
    known = (*REQUIRED, *OPTIONAL)
    header = f"write the column names {','.join(REQUIRED)}"
    for name in cells:
        if name not in known:
            raise ValueError(f'the column "{name}" is unknown; {header}')
    for name in REQUIRED:
        if name not in cells:
            raise ValueError(f"the column {name} is missing; {header}")
    if len(set(cells)) != len(cells):
        raise ValueError(f"a column comes twice; {header}")
    return cells


def _payment(columns: list[str], cells: list[str]) -> FilePayment:
    if len(cells) != len(columns):
        raise ValueError(f"{len(cells)} values; write {len(columns)}: {','.join(columns)}")
    fields = dict(zip(columns, cells, strict=True))
    client_id = fields["client_id"]
    if not 1 <= len(client_id) <= CLIENT_ID_CHARACTERS_MAX or not client_id.isprintable():
        raise ValueError(f'client_id is "{client_id}"; write a name of 1 to 14 characters')
    return FilePayment(
        round=_whole(fields, "round", 1_000_000),
        amount_usd=_amount(fields),
        client_id=client_id,
        user_id=_whole(fields, "user_id", USER_ID_MAX),
        outcome_eth=_outcome(fields.get("outcome_eth", "")),
    )


def _whole(fields: dict[str, str], name: str, value_max: int) -> int:
    text = fields[name]
    if not re.fullmatch("[0-9]{1,19}", text) or not 1 <= int(text) <= value_max:
        raise ValueError(f'{name} is "{text}"; write a whole number from 1 to {value_max}')
    return int(text)


def _amount(fields: dict[str, str]) -> Decimal:
    text = fields["payment_amount_usd"]
    plain = re.fullmatch(r"[0-9]{1,8}(\.[0-9]{1,2})?", text)
    if not plain or not 0 < Decimal(text) <= AMOUNT_USD_MAX:
        raise ValueError(
            f'payment_amount_usd is "{text}"; write dollars above 0 with at most two decimal places, such as 12.50'
        )
    return Decimal(text)


def _outcome(text: str) -> Decimal | None:
    if not text:
        return None
    if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,18})?", text) or Decimal(text) == 0:
        raise ValueError(f'outcome_eth is "{text}"; write ETH such as 0.004125, or nothing')
    return Decimal(text)


def _check_order(payments: list[FilePayment]) -> None:
    if len(payments) > PAYMENTS_MAX:
        raise ValueError(f"more than {PAYMENTS_MAX} payments; write fewer")
    if len(payments) > 1 and payments[-1].round < payments[-2].round:
        before, now = payments[-2].round, payments[-1].round
        raise ValueError(f"round {now} after round {before}; write the rounds in ascending order")
