"""The dashboard: what the architecture document asks for, in a grid, in the form that the API shows."""

import re
from typing import Any

from tests.terraform.watching.planned import dashboard_queries, tiles


def test_the_dashboard_shows_what_it_must(plan: dict[str, Any]) -> None:
    """Every tile that the architecture document names, and what operators ask for first."""
    titles = " / ".join(tile["widget"]["title"].lower() for tile in tiles(plan))
    for word in (
        "pending, usd",  # total pending
        "threshold, usd",  # current threshold value
        "batches a day",  # batch conversion frequency
        "mean batch size",  # average batch size
        "distributions that did not sum",  # distribution accuracy
        "pending against threshold",
        "completion",
        "savings",
        "failures",
        "queue",
        "oldest",
        "in flight",
        "since a check",
        "objectives",
        "database",
    ):
        assert word in titles


def test_tiles_lie_in_a_grid(plan: dict[str, Any]) -> None:
    """None above another, none beyond the edge."""
    covered: set[tuple[int, int]] = set()
    for tile in tiles(plan):
        left, top = tile.get("xPos", 0), tile.get("yPos", 0)
        cells = {(x, y) for x in range(left, left + tile["width"]) for y in range(top, top + tile["height"])}
        assert not covered & cells, tile["widget"]["title"]
        covered |= cells
    assert max(x for x, _ in covered) < 48


def test_legends_name_labels_of_their_series(plan: dict[str, Any]) -> None:
    """As ${label}, which the API fills in; and only labels that the query keeps."""
    named = 0
    for title, query in dashboard_queries(plan).items():
        assert "{{" not in title
        labels = set(re.findall(r"\$\{(\w+)\}", title))
        kept = re.search(r"^sum by \(([^)]*)\)", query)
        assert labels <= (set(kept[1].split(", ")) if kept else set()), title
        named += bool(labels)
    assert named >= 3
