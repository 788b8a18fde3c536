"""Amounts as they are typed."""

from decimal import Decimal
from typing import Any

import click

from shared.errors import ValueImpossible
from shared.model.money import parse_amount


class Amount(click.ParamType[Decimal]):
    """A decimal number of at least 0, read without a float."""

    name = "AMOUNT"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Decimal:
        """Return the amount."""
        try:
            amount = parse_amount(str(value))
        except ValueImpossible as error:
            self.fail(str(error), param, ctx)
        if amount < 0:
            self.fail(f"{value} is below 0", param, ctx)
        return amount
