"""The pages of a running database: a WSGI application that answers GET and HEAD, to this machine's own names alone."""

import re
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from http import HTTPStatus
from typing import Final

import click
from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException, NotFound

from ops.command_line.batch_names import BatchName, find_batch
from ops.command_line.exits import Exit
from ops.command_line.failures import NotDone, explain
from ops.pages.figures.pending import draw_pending
from ops.pages.rendering import STYLE, Page, render
from ops.pages.section import Section
from ops.pages.sections import recommendation
from ops.pages.sections.figures import SPANS, read_figures_section
from ops.pages.sections.lists import read_batches, read_checks, read_levers, read_pending
from ops.pages.sections.lives import read_batch_section, read_payment_section
from ops.pages.sections.present import read_held, show_present
from ops.situation.lists import STATUSES
from ops.situation.reading import read_situation
from ops.situation.reasons import SAID
from shared.outside.database import Database, Transaction

Clock = Callable[[], datetime]
NAMES: Final = ("127.0.0.1", "localhost")
"""What a browser on this machine calls it; a name of somebody else's that leads here is turned away."""
HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
NAVIGATION: Final = (
    ("now", "Now"),
    ("figures", "Figures"),
    ("recommendation", "Recommendation"),
    ("batches", "Batches"),
    ("checks", "Checks"),
    ("pending", "Payments that wait"),
    ("held", "Held and stuck"),
    ("levers", "Levers and acts"),
)
ROWS, ROWS_MAX, PREVIEW = 100, 10_000, 10
ID_MAX: Final = 2**31 - 1


class Site:
    """Reads each page from the database at one instant."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def now(self) -> str:
        """How things stand, what waited of late, the newest batches and checks."""
        with self._instant() as (transaction, now):
            sections = [
                show_present(read_situation(transaction, now)),
                read_figures_section(transaction, now, "week", drawers=(draw_pending,)),
                read_batches(transaction, PREVIEW),
                read_checks(transaction, now, PREVIEW),
            ]
        return self._page(now, *sections)

    def figures(self) -> str:
        """Every figure, over a period by its name."""
        span = _choice("span", SPANS) or "month"
        with self._instant() as (transaction, now):
            return self._page(now, read_figures_section(transaction, now, span))

    def recommendation(self) -> str:
        """Which levers would have been cheapest; replayed once the transaction that read the payments is over."""
        span = _choice("span", SPANS) or recommendation.SPAN
        with self._instant() as (transaction, now):
            known = recommendation.read_payments(transaction, now, span)
        return self._page(now, recommendation.show_recommendation(known, span))

    def batches(self) -> str:
        """The newest batches."""
        status = _choice("status", STATUSES)
        with self._instant() as (transaction, now):
            return self._page(now, read_batches(transaction, _limit(), status))

    def batch(self, name: str) -> str:
        """One batch, by whatever name the command line knows it."""
        try:
            known = BatchName().convert(name, None, None)
        except click.BadParameter as error:
            raise NotDone(error.message) from error
        after_id = _number("after", 0, ID_MAX)
        with self._instant() as (transaction, now):
            section = read_batch_section(transaction, find_batch(transaction, known), ROWS, after_id)
        return self._page(now, section)

    def payment(self, payment_id: int) -> str:
        """One payment."""
        with self._instant() as (transaction, now):
            section = read_payment_section(transaction, payment_id) if payment_id <= ID_MAX else None
        if section is None:
            raise NotDone(f"no payment {payment_id}")
        return self._page(now, section)

    def checks(self) -> str:
        """The newest checks."""
        reason = _choice("reason", SAID)
        with self._instant() as (transaction, now):
            return self._page(now, read_checks(transaction, now, _limit(), reason))

    def pending(self) -> str:
        """Payments that wait."""
        with self._instant() as (transaction, now):
            return self._page(now, read_pending(transaction, _limit()))

    def held(self) -> str:
        """What is held or stuck."""
        with self._instant() as (transaction, now):
            section = read_held(transaction, read_situation(transaction, now), _limit())
        return self._page(now, section)

    def levers(self) -> str:
        """The levers and who moved them."""
        with self._instant() as (transaction, now):
            section = read_levers(transaction, read_situation(transaction, now))
        return self._page(now, section)

    def problem(self, title: str, message: str) -> str:
        """What went wrong, in one sentence."""
        return self._page(self._clock(), Section("problem", title, "problem.html", {"message": message}))

    @contextmanager
    def _instant(self) -> Iterator[tuple[Transaction, datetime]]:
        with self._database.transaction() as transaction:
            transaction.execute("read_one_instant")
            yield transaction, self._clock()

    def _page(self, now: datetime, *sections: Section) -> str:
        return render(Page(sections[0].title, sections, now, navigation=NAVIGATION))


def make_application(database: Database, clock: Clock) -> Flask:
    """Put the pages of a database behind their addresses."""
    site = Site(database, clock)
    application = Flask(__name__, static_folder=None)
    application.config.update(TRUSTED_HOSTS=list(NAMES), PROVIDE_AUTOMATIC_OPTIONS=False)
    views: dict[str, Callable[..., str | Response]] = {
        "/": site.now,
        "/figures": site.figures,
        "/recommendation": site.recommendation,
        "/batches": site.batches,
        "/batch/<name>": site.batch,
        "/payment/<int:payment_id>": site.payment,
        "/checks": site.checks,
        "/pending": site.pending,
        "/held": site.held,
        "/levers": site.levers,
        "/style.css": _style,
    }
    for rule, view in views.items():
        application.add_url_rule(rule, rule, view)
    application.register_error_handler(HTTPException, partial(_turned_away, site))
    application.register_error_handler(Exception, partial(_failed, site))
    application.after_request(_guarded)
    return application


def _style() -> Response:
    return Response(STYLE, mimetype="text/css")


def _guarded(response: Response) -> Response:
    response.headers.update(HEADERS)
    return response


def _turned_away(site: Site, error: HTTPException) -> Response:
    """An address or a method that there is not; what was asked for by a wrong name is told in plain text."""
    code, name = error.code or 500, error.name
    if code == HTTPStatus.BAD_REQUEST:
        return Response(f"{name}: only {' or '.join(NAMES)} is served here\n", code, mimetype="text/plain")
    response = Response(site.problem(name, error.description or name), code, mimetype="text/html")
    response.headers.extend(_without_body(error.get_headers()))
    return response


def _failed(site: Site, error: Exception) -> Response:
    """An error in the words of the command line: not there, away for now, or ours."""
    failure = explain(error)
    if failure.exit == Exit.TRY_AGAIN:
        status, title = HTTPStatus.SERVICE_UNAVAILABLE, "Away"
    elif isinstance(error, NotDone):
        status, title = HTTPStatus.NOT_FOUND, "Not found"
    else:
        status, title = HTTPStatus.INTERNAL_SERVER_ERROR, "Refused"
    return Response(site.problem(title, failure.message), status, mimetype="text/html")


def _without_body(headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(name, text) for name, text in headers if name.lower() != "content-type"]


def _limit() -> int:
    return max(_number("limit", ROWS, ROWS_MAX), 1)


def _number(name: str, default: int, most: int) -> int:
    given = request.args.get(name, "")
    return min(int(given), most) if re.fullmatch("[0-9]{1,9}", given) else default


def _choice(name: str, choices: Collection[str]) -> str | None:
    given = request.args.get(name)
    if given is not None and given not in choices:
        raise NotFound(f"{name} is one of: {', '.join(choices)}")
    return given
