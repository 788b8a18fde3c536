"""Times and spans as they are typed: 2026-11-24, 2026-11-24T08:30Z, or so long ago: 90m, 24h, 7d."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import click

_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days"}


class Moment(click.ParamType[datetime]):
    """An instant, aware UTC; one without a zone is UTC."""

    name = "TIME"

    @staticmethod
    def ago(span: timedelta) -> datetime:
        """The instant so long before now."""
        return datetime.now(UTC) - span

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Read a time, or a span before now."""
        if isinstance(value, datetime):
            return value
        text = str(value).strip()
        try:
            if span := re.fullmatch(r"([0-9]{1,6})([mhd])", text):
                return self.ago(timedelta(**{_UNITS[span[2]]: int(span[1])}))
            moment = datetime.fromisoformat(text)
            return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
        except (ValueError, OverflowError):
            self.fail(f"{text!r} is no time: write 2026-11-24T08:30Z, or 24h for so long ago", param, ctx)
