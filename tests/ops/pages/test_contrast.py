"""Colours: what is written can be read on what it is written on, by day and by night, whoever looks (WCAG 2, AA)."""

import re

import pytest

from ops.pages.rendering import STYLE

TEXT_MIN, MARK_MIN = 4.5, 3.0
TEXT = [("ink", "paper"), ("ink", "raised"), ("ink", "alarm-paper"), ("ink", "calm-paper"), ("link", "paper")]
SOFT = [("soft", "paper"), ("link", "raised")]
MARKS = [("blue", "paper"), ("red", "paper"), ("green", "paper"), ("red", "alarm-paper"), ("green", "calm-paper")]


def schemes() -> dict[str, dict[str, str]]:
    """The colours by name, as each scheme has them."""
    day, night = (dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", block)) for block in STYLE.split("@media")[:2])
    return {"day": day, "night": day | night}


def luminance(colour: str) -> float:
    """How light a colour is, by WCAG's formula."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """The ratio of two colours."""
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("scheme", ["day", "night"])
def test_everything_can_be_read(scheme: str) -> None:
    """Text at 4.5 to 1, marks of plots at 3 to 1."""
    colours = schemes()[scheme]
    for pairs, least in ((TEXT + SOFT, TEXT_MIN), (MARKS, MARK_MIN)):
        for mark, ground in pairs:
            assert contrast(colours[mark], colours[ground]) >= least, (mark, ground)


def test_each_scheme_has_colours_of_its_own() -> None:
    """All of them change, and the formula is WCAG's."""
    found = schemes()
    assert set(found["day"]) == set(found["night"])
    assert all(found["day"][name] != found["night"][name] for name in found["day"])
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)
