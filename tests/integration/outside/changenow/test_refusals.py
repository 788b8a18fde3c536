"""What ChangeNow refuses, and what says nothing about the request: the first is final, the second is asked again."""

from collections.abc import Callable

import pytest

from shared.errors import ExchangeRefused, ExchangeUnavailable
from shared.outside import timed_http
from shared.outside.changenow import ANSWER_BYTES_MAX
from tests.integration.outside.changenow.desk import Desk


@pytest.mark.parametrize(
    ("status", "code", "flags"),
    [
        (400, "not_valid_params", (False, False, False)),
        (499, "gone", (False, False, False)),
        (200, "deposit_too_small", (False, True, False)),
        (201, "out_of_range", (False, False, True)),
        (400, "max_amount_exceeded", (False, False, True)),
        (400, "not_found", (True, False, False)),
        (404, "anything", (True, False, False)),
    ],
)
def test_a_refusal_is_final_and_says_what_it_is_about(
    desk: Desk, status: int, code: str, flags: tuple[bool, bool, bool]
) -> None:
    """Not found, below the minimum, above the maximum."""
    desk.say({"error": code, "message": "since it is so"}, status)
    with pytest.raises(ExchangeRefused, match=f"{status} {code}\\): since it is so") as caught:
        desk.estimate()
    refusal = caught.value
    assert (refusal.is_not_found, refusal.is_below_minimum, refusal.is_above_maximum) == flags
    assert refusal.code == code


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        *[(status, {"error": "a_code", "message": "no"}) for status in (401, 403, 408, 429, 500, 503, 302, 399)],
        *[(400, {"message": "no code"}), (404, {"error": ""}), (400, {"error": None})],
        *[(status, text) for status in (200, 400) for text in ("", "<html>", "null", "[]", '"x"', "NaN", "[" * 10**5)],
        *[(200, '{"toAmount": NaN}'), (200, '{"toAmount": Infinity}'), (200, '{"toAmount": 1e99999999999999999999}')],
    ],
)
def test_everything_else_says_nothing_about_the_request(
    desk: Desk, status: int, answer: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key, a limit, an outage, a page for people: asking again is right."""
    monkeypatch.setattr(timed_http, "PAUSE_S", 0)
    desk.say(answer, status)
    with pytest.raises(ExchangeUnavailable, match="GET /exchange/estimated-amount"):
        desk.estimate()


def test_what_a_refusal_says_is_kept_short_and_readable(desk: Desk) -> None:
    """Sixty characters of its code, two hundred of its message, and none that a line or a column cannot hold."""
    desk.say({"error": "c" * 61, "message": "m" * 201}, 400)
    with pytest.raises(ExchangeRefused) as caught:
        desk.estimate()
    assert caught.value.code == "c" * 60
    assert str(caught.value).endswith(": " + "m" * 200)
    desk.say('{"error": "a\\u0000b", "message": "\\ud800 \\u00e4~\\u007f\\u00a0\\u20ac"}', 400)
    with pytest.raises(ExchangeRefused, match=r": \? ä~\?\?€$") as caught:
        desk.estimate()
    assert caught.value.code == "a?b"
    desk.say({"error": "gone"}, 400)
    with pytest.raises(ExchangeRefused, match=r"refused \(400 gone\): $"):
        desk.estimate()


def test_an_answer_has_an_end(desk: Desk) -> None:
    """A mebibyte is read, a byte more is none."""
    answer = '{"toAmount": 5}'
    desk.say(answer + " " * (ANSWER_BYTES_MAX - len(answer)))
    assert desk.estimate().received == 5
    desk.say(answer + " " * (ANSWER_BYTES_MAX + 1 - len(answer)))
    with pytest.raises(ExchangeUnavailable, match=f"more than {2**20} bytes"):
        desk.estimate()


@pytest.mark.parametrize("ask", [Desk.estimate, Desk.find, Desk.make])
def test_an_exchange_is_asked_for_once(
    desk: Desk, ask: Callable[[Desk], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is read is asked for again where that may help; what makes something is not."""
    asked_before = len(desk.peer.requests)
    desk.say("", 500)
    monkeypatch.setattr(timed_http, "PAUSE_S", 0)
    with pytest.raises(ExchangeUnavailable):
        ask(desk)
    assert len(desk.peer.requests) - asked_before == (1 if ask is Desk.make else timed_http.ATTEMPTS_MAX)
