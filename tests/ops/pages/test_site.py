"""The pages: what they say, to whom, and that they do nothing else."""

import re
import socket
from collections import Counter
from decimal import Decimal
from urllib.parse import urljoin, urlsplit

import pytest
import requests

from ops.command_line.database import STATEMENTS
from ops.pages.serving import Pages
from ops.pages.site import NAVIGATION
from sandbox.postgres.session import query
from shared.outside.database import open_database
from shared.settings import load_database_settings
from tests.ops.conftest import Shell
from tests.ops.pages.conftest import PATHS
from tests.ops.pages.hostile import ENDLESS, HEBREW, QUOTES, RUN, TAGS, TEMPLATE
from tests.ops.pages.markup import Markup, read_markup

TIMEOUT_S = 30
SERIOUS = (
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "no-store",
    "nosniff",
)


def got(url: str, path: str = "") -> Markup:
    """A page that is there and well made."""
    answer = requests.get(urljoin(url, path), timeout=TIMEOUT_S)
    assert answer.status_code == 200, answer.text
    page = read_markup(answer.text)
    assert page.problems == []
    return page


@pytest.mark.parametrize("path", [*PATHS, "/figures?span=quarter"])
def test_every_page_is_well_made(pages_url: str, path: str) -> None:
    """Closed tags, ids once, nothing that runs, headings in order; only the style of its own is fetched."""
    page = got(pages_url, path)
    outside = [place for place in page.references() if urlsplit(place).netloc or not place.startswith(("/", "#"))]
    assert outside == []
    assert [one.attributes["href"] for one in page.all("link")] == ["/style.css"]
    assert page.all("html")[0].attributes["lang"] == "en"


def test_every_link_leads_to_a_page(pages_url: str) -> None:
    """From the first page to the end, within bounds."""
    todo, seen, kinds = ["/"], set[str](), Counter[str]()
    while todo:
        path = todo.pop(0)
        kind = re.sub(r"[0-9a-f-]{36}|[0-9]+", "N", path)
        if path in seen or kinds[kind] == 4:
            continue
        seen.add(path)
        kinds[kind] += 1
        page = got(pages_url, path)
        todo += [place for place in page.references() if place.startswith("/") and place != "/style.css"]
        broken = [one for one in page.references() if one.startswith("#") and one[1:] not in page.ids()]
        assert broken == []
    assert {f"/{'' if name == 'now' else name}" for name, _ in NAVIGATION} <= seen
    assert (kinds["/batch/N"], kinds["/payment/N"]) == (4, 4)


def test_the_first_page_says_what_status_says(
    pages_url: str, records_url: str, bare_shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same words, the same sums, the same needs."""
    monkeypatch.setenv("DATABASE_URL", records_url)
    status = bare_shell("status").out
    text = got(pages_url).all("main")[0].text
    for label in ("pending", "threshold", "policy"):
        (line,) = re.findall(rf"^{label}  +(.+)$", status, re.M)
        assert re.sub(r", the oldest.*", "", line) in text
    assert "1 payment can never be claimed: no_dollars" in text
    assert "./microbatch held" in text


def test_a_batch_is_told_as_on_the_command_line(
    pages_url: str, records_url: str, bare_shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By number, by id, by its beginning; facts, life and payments."""
    monkeypatch.setenv("DATABASE_URL", records_url)
    document = bare_shell("batch", "#1", "--json").document
    for name in ("1", document["batch_conversion_id"], document["batch_conversion_id"][:8]):
        text = got(pages_url, f"/batch/{name}").all("main")[0].text
        assert all(moment["what"] in text for moment in document["life"])
        assert document["batch_conversion_id"] in text
    table = got(pages_url, "/batch/1").all("tbody")[-1]
    assert table.text.count("completed") == document["held_payments"]


def test_a_long_batch_is_paged_through(records_url: str, pages_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """From one page to the next, every payment once."""
    monkeypatch.setattr("ops.pages.site.ROWS", 4)
    ((number, payments),) = query(
        records_url, "SELECT id, payments_count FROM batch_conversions ORDER BY 2 DESC LIMIT 1"
    )
    place, found = f"/batch/{number}", list[str]()
    while place:
        page = got(pages_url, place)
        found += [one for one in page.references() if one.startswith("/payment/")]
        place = next((one for one in page.references() if "after=" in one), "")
    assert len(found) == len(set(found)) == payments


def test_lists_are_cut_and_chosen_from(pages_url: str) -> None:
    """A limit, a status, a reason; nonsense is the default or a refusal, never an error."""
    rows = got(pages_url, "/checks?limit=7").all("tbody")[-1].text.strip().splitlines()
    assert sum("Z" in row for row in rows) <= 7 * 2
    assert "completed" not in got(pages_url, "/batches?status=failed").all("tbody")[0].text
    assert "No check of that kind." in got(pages_url, "/checks?reason=forced").all("main")[0].text
    got(pages_url, "/batches?limit=-5")
    got(pages_url, "/checks?limit=99999999999999")
    wrong = ["/figures?span=aeon", "/checks?reason=<b>", "/batches?status=%00%F0", "/batch/xyz", "/payment/99999999999"]
    for path in (*wrong, "/x", "/batch/%00", "/../etc/passwd", "/payment/1/", "//evil.example/"):
        answer = requests.get(urljoin(pages_url, "/") + path[1:], timeout=TIMEOUT_S)
        assert answer.status_code == 404, path
        assert read_markup(answer.text).problems == []


def test_a_report_is_only_read(pages_url: str) -> None:
    """GET and HEAD; no other method does anything, and HEAD has no body."""
    for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"):
        assert requests.request(method, pages_url, timeout=TIMEOUT_S).status_code == 405, method
    head = requests.head(pages_url, timeout=TIMEOUT_S)
    assert (head.status_code, head.text) == (200, "")
    assert int(head.headers["Content-Length"]) > 1000


@pytest.mark.parametrize("path", ["/", "/nowhere", "/style.css"])
def test_every_answer_is_guarded(pages_url: str, path: str) -> None:
    """No script, no frame, nothing from elsewhere, nothing kept."""
    headers = requests.get(urljoin(pages_url, path), timeout=TIMEOUT_S).headers
    assert (headers["Content-Security-Policy"], headers["Cache-Control"], headers["X-Content-Type-Options"]) == SERIOUS
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert not {"Access-Control-Allow-Origin", "Set-Cookie"} & set(headers)


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:8642", ""])
def test_a_name_of_somebody_else_is_turned_away(pages_url: str, host: str) -> None:
    """A page elsewhere whose name leads to this machine reads nothing."""
    answer = requests.get(pages_url, headers={"Host": host}, timeout=TIMEOUT_S)
    assert answer.status_code == 400
    assert "pending" not in answer.text
    assert requests.get(pages_url, headers={"Host": "localhost"}, timeout=TIMEOUT_S).status_code == 200


def test_no_other_machine_reaches_it(pages_url: str) -> None:
    """It listens on the loopback alone."""
    port = urlsplit(pages_url).port
    assert port
    with socket.socket() as other:
        other.settimeout(2)
        assert other.connect_ex(("127.0.0.2", port)) != 0, "another address of this machine is another machine's too"


def test_hostile_texts_are_shown_and_are_texts(pages_url: str) -> None:
    """Tags, quotes, template marks, control characters, another direction, ten thousand characters: only read."""
    levers = requests.get(urljoin(pages_url, "/levers"), timeout=TIMEOUT_S).text
    page = read_markup(levers)
    assert page.problems == []
    text = page.all("main")[0].text
    for written in (TAGS, QUOTES, HEBREW, TEMPLATE, ENDLESS, "paid\\u202e001$", "a\\nb\\x1b[2Jc"):
        assert written in text, written
    assert "1337" not in text
    assert f"<bdi>{HEBREW}</bdi>" in levers
    assert "10,000 characters, show all" in text
    assert "\u202e" not in levers
    for path in ("/held", "/batches", "/", "/pending"):
        answer = requests.get(urljoin(pages_url, path), timeout=TIMEOUT_S).text
        assert read_markup(answer).problems == []
        assert f"<script>{RUN}" not in answer
        assert "<b>bold" not in answer


def test_nothing_is_written(records_url: str, pages_url: str) -> None:
    """Even a statement that would write is refused in a page's transaction."""
    database = open_database(load_database_settings({"DATABASE_URL": records_url}), STATEMENTS)
    with pytest.raises(Exception, match="read-only"), database.transaction() as transaction:  # noqa: PT012
        transaction.execute("read_one_instant")
        transaction.execute("mend_dollars", payment_id=1, amount_usd=Decimal(1))
    database.close()
    before = query(records_url, "SELECT COUNT(*), MAX(xmin :: text :: bigint) FROM threshold_checks")
    got(pages_url)
    assert query(records_url, "SELECT COUNT(*), MAX(xmin :: text :: bigint) FROM threshold_checks") == before


def test_an_empty_database_has_pages_too(database_url: str) -> None:
    """Nothing has run yet: each page says so."""
    database = open_database(load_database_settings({"DATABASE_URL": database_url}), STATEMENTS)
    with Pages(database, 0) as pages:
        for path in ("/", "/figures", "/batches", "/checks", "/pending", "/held", "/levers"):
            got(pages.url, path)
        text = got(pages.url).all("main")[0].text
    database.close()
    assert "no check has ever ended well" in text
    assert "there is nothing to draw" in text


def test_a_database_that_goes_away_is_told(database_url: str) -> None:
    """In one sentence, with the status that says: try again; the password is not in it."""
    settings = load_database_settings({"DATABASE_URL": "postgresql://user:hunter2222@127.0.0.1:9/name"})
    database = open_database(settings, STATEMENTS)
    with Pages(database, 0) as pages:
        answer = requests.get(pages.url, timeout=TIMEOUT_S)
    assert answer.status_code == 503
    page = read_markup(answer.text)
    assert page.problems == []
    assert "cannot be reached" in page.all("main")[0].text
    assert "hunter2" not in answer.text
