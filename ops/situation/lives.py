"""The life of a batch or a payment: what happened to it, with times as recorded."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ops.command_line.text import instant, visible


@dataclass(frozen=True)
class Moment:
    """Something that happened; *at* is aware UTC."""

    at: datetime
    what: str
    detail: Any = None

    @property
    def document(self) -> dict[str, Any]:
        """The moment for a JSON document."""
        known = {"at": self.at, "what": self.what}
        return known | {"detail": self.detail} if self.detail is not None else known


def by_time(moments: Iterable[Moment]) -> list[Moment]:
    """Order a life by time; what happened at one instant stays in the order in which it is told."""
    return sorted(moments, key=lambda moment: moment.at)


def life_lines(life: list[Moment]) -> list[str]:
    """Write a life, a line a moment."""
    return [f"{instant(moment.at)}  {visible(moment.what)}" for moment in life]
