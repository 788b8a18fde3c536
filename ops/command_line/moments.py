"""Times as they are typed: 2026-11-24, 2026-11-24T08:30Z, so long ago: 90m, 24h, 7d; months: 2026-11; seconds."""

import math
import re
from dataclasses import dataclass
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


class Seconds(click.FloatRange):
    """A length of time that ends: a number within bounds, which click takes no number for."""

    name = "SECONDS"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the seconds."""
        seconds: float = super().convert(value, param, ctx)
        if not math.isfinite(seconds):
            self.fail(f"{value!r} is no length of time", param, ctx)
        return seconds


@dataclass(frozen=True)
class Month:
    """A month, UTC: from its first instant to the first of the next."""

    since: datetime
    until: datetime

    def __str__(self) -> str:
        """The month as it is typed."""
        return f"{self.since:%Y-%m}"


class MonthName(click.ParamType[Month]):
    """A month as it is typed: 2026-11."""

    name = "YYYY-MM"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Month:
        """Read a month."""
        if isinstance(value, Month):
            return value
        match = re.fullmatch(r"(20[0-9]{2})-(0[1-9]|1[0-2])", str(value).strip())
        if match is None:
            self.fail(f"{value!r} is no month: write 2026-11", param, ctx)
        year, month = int(match[1]), int(match[2])
        return Month(datetime(year, month, 1, tzinfo=UTC), datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC))
