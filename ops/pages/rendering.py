"""Templates filled with what sections hold: whatever comes from the database is text, and cannot be anything else."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from ops.command_line.answers import rfc3339
from ops.command_line.text import count, instant, rules, shown, visible
from ops.pages import commands
from ops.pages.section import Section
from ops.situation import lists

FOLDER: Final = Path(__file__).parent
TEXT_MAX: Final = 160
"""Characters of a text that are seen at once; the others unfold."""
SHORT: Final = 12
STYLE: Final = (FOLDER / "style.css").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Links:
    """Where things are told of; in a report only what is in it has a place, elsewhere each has a page."""

    in_report: frozenset[str] | None = None

    def batch(self, batch_conversion_id: Any) -> str | None:
        """The place of a batch."""
        return self._place("batch", batch_conversion_id)

    def payment(self, payment_id: Any) -> str | None:
        """The place of a payment."""
        return self._place("payment", payment_id)

    def section(self, name: str) -> str:
        """The place of a section."""
        return f"/{'' if name == 'now' else name}" if self.in_report is None else f"#{name}"

    def _place(self, kind: str, key: Any) -> str | None:
        if self.in_report is None:
            return f"/{kind}/{key}"
        return f"#{kind}-{key}" if f"{kind}-{key}" in self.in_report else None


@dataclass(frozen=True)
class Page:
    """What stands on one page, and what its frame says."""

    title: str
    sections: Sequence[Section]
    now: datetime
    links: Links = field(default_factory=Links)
    navigation: Sequence[tuple[str, str]] = ()
    policy: str = ""
    """A content security policy to be written into the page itself; a server sends it as a header."""


def render(page: Page) -> str:
    """Write a page."""
    return _ENVIRONMENT.get_template("page.html").render(page=page, links=page.links, style=Markup(STYLE))  # noqa: S704 - our own file


def value(thing: Any) -> Markup:
    """Write one value as the command line does; times carry themselves for a program, texts stay in their bounds."""
    if isinstance(thing, datetime):
        return Markup('<time datetime="{}">{}</time>').format(rfc3339(thing), instant(thing))
    if isinstance(thing, Decimal | int) or thing is None:
        return Markup("{}").format(shown(thing))
    return text(str(thing))


def text(written: str) -> Markup:
    """Write a text from outside: isolated from the direction of what surrounds it, unprintable characters escaped.

    A long one is cut, and all of it unfolds.
    """
    safe = visible(written)
    if len(safe) <= TEXT_MAX:
        return Markup("<bdi>{}</bdi>").format(safe)
    return Markup(
        '<details class="long"><summary><bdi>{}…</bdi> <span class="note">{} characters, show all</span></summary>'
        "<bdi>{}</bdi></details>"
    ).format(safe[:TEXT_MAX], f"{len(written):,}", safe)


def _make_environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"value": value, "text": text, "kind": _kind, "rules": rules}
    environment.filters |= {"combine": dict.__or__, "without": _without}
    environment.globals |= {"count": count, "lists": lists, "commands": commands}
    return environment


def _without(columns: dict[str, str], key: str) -> dict[str, str]:
    return {name: heading for name, heading in columns.items() if name != key}


def _kind(thing: Any) -> Markup:
    """The class of a cell: numbers stand to the right, words get room."""
    if isinstance(thing, Decimal | int) and not isinstance(thing, bool):
        return Markup(' class="number"')
    if isinstance(thing, str) and len(thing) > SHORT:
        return Markup(' class="words"')
    return Markup("")


_ENVIRONMENT: Final = _make_environment()
