"""A report: everything that the pages show, in one file that needs no network and no other file."""

import hashlib
from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from ops.command_line.batch_names import find_batch
from ops.command_line.failures import NotDone
from ops.command_line.text import count
from ops.pages.rendering import STYLE, Links, Page, render
from ops.pages.section import Section
from ops.pages.sections import recommendation
from ops.pages.sections.figures import read_figures_section
from ops.pages.sections.lists import read_batches, read_checks, read_levers, read_pending
from ops.pages.sections.lives import read_batch_section, read_payment_section
from ops.pages.sections.present import read_held, show_present
from ops.situation.reading import read_situation
from shared.outside.database import Transaction

LISTED: Final = 200
PAYMENTS_OF_A_BATCH: Final = 25
Tell = Callable[[str], None]


@dataclass(frozen=True)
class Wanted:
    """What a report is to hold beside how things stand."""

    span: str
    lives: int
    """Of so many of the newest batches the whole life is told."""
    batches: Sequence[str] = ()
    """More of them, by any name that the command line takes."""
    payments: Sequence[int] = ()


def write_report(transaction: Transaction, now: datetime, wanted: Wanted, tell: Tell) -> str:
    """Read everything at one instant, and write the file's text; *tell* hears how far it has come."""
    transaction.execute("read_one_instant")
    sections = [*_lists(transaction, now, wanted, tell), *_lives(transaction, wanted, tell)]
    tell("writing the page")
    links = Links(frozenset(section.name for section in sections))
    navigation = [(section.name, section.title) for section in sections if not section.name.startswith(_OF_ONE)]
    page = Page("Report", sections, now, links=links, navigation=navigation, policy=_policy())
    return render(page)


def _lists(transaction: Transaction, now: datetime, wanted: Wanted, tell: Tell) -> list[Section]:
    tell("reading how things stand")
    situation = read_situation(transaction, now)
    known = recommendation.read_payments(transaction, now, recommendation.SPAN)
    sections = [
        show_present(situation),
        read_figures_section(transaction, now, wanted.span, tell=tell),
        recommendation.show_recommendation(known, recommendation.SPAN, tell=tell),
    ]
    tell("reading batches, checks, payments and acts")
    return [
        *sections,
        read_batches(transaction, LISTED),
        read_checks(transaction, now, LISTED),
        read_pending(transaction, LISTED),
        read_held(transaction, situation, LISTED),
        read_levers(transaction, situation),
    ]


def _lives(transaction: Transaction, wanted: Wanted, tell: Tell) -> list[Section]:
    newest = transaction.rows("list_batches", status=None, since=None, client_id=None, batches_max=max(wanted.lives, 1))
    named = [find_batch(transaction, name) for name in wanted.batches]
    ids = [*named, *(row["batch_conversion_id"] for row in newest[: wanted.lives])]
    tell(f"reading the life of {count(len(set(ids)), 'batch')}")
    lives = [read_batch_section(transaction, one, PAYMENTS_OF_A_BATCH) for one in dict.fromkeys(ids)]
    for payment_id in dict.fromkeys(wanted.payments):
        section = read_payment_section(transaction, payment_id)
        if section is None:
            raise NotDone(f"no payment {payment_id}")
        lives.append(section)
    return lives


def _policy() -> str:
    """Nothing is fetched, nothing is run, and no style but the one in the file is followed."""
    digest = b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


_OF_ONE: Final = ("batch-", "payment-")
