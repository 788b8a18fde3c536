"""A batch named by its id, by a unique beginning of it, or by its number."""

import re
import uuid
from typing import Any, Final

import click

from ops.command_line.failures import NotDone
from shared.outside.database import Transaction

BEGINNING_MIN: Final = 6
_HEX_DIGITS: Final = 32
_NUMBER_MAX: Final = 2**31 - 1


class BatchName(click.ParamType[str]):
    """What may stand for a batch on the command line; the database is not asked yet."""

    name = "BATCH"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the name in one spelling: ``#`` and the number, or hexadecimal digits without hyphens."""
        text = str(value).strip().lower()
        if re.fullmatch(r"#[0-9]{1,10}|[0-9]{1,5}", text):
            return f"#{int(text.lstrip('#'))}"
        digits = text.replace("-", "")
        if not re.fullmatch(rf"[0-9a-f]{{{BEGINNING_MIN},{_HEX_DIGITS}}}", digits):
            self.fail(f"{value!r} is no batch: give its id, its first {BEGINNING_MIN} characters or '#2'", param, ctx)
        return digits


batch_argument: Final = click.argument("batch", type=BatchName())


def find_batch(transaction: Transaction, name: str) -> uuid.UUID:
    """Return the id of the one batch that *name* stands for; raises NotDone for none, and for several."""
    if name.startswith("#"):
        number = int(name[1:])
        found = transaction.rows("find_batch_by_number", number=number) if number <= _NUMBER_MAX else []
    else:
        first, last = uuid.UUID(name.ljust(_HEX_DIGITS, "0")), uuid.UUID(name.ljust(_HEX_DIGITS, "f"))
        found = transaction.rows("find_batches_by_beginning", first=first, last=last)
    if len(found) == 1:
        return uuid.UUID(str(found[0]["batch_conversion_id"]))
    if not found:
        raise NotDone(f"no batch {name}; see: ./microbatch batches")
    choices = ", ".join(str(row["batch_conversion_id"]) for row in found)
    raise NotDone(f"several batches begin with {name}: {choices}")
