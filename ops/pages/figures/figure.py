"""A figure as a page shows it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import altair


@dataclass(frozen=True)
class Figure:
    """What it shows, what is found in it, its numbers, and its plot; no plot where there is nothing to draw."""

    name: str
    title: str
    finding: str
    columns: Mapping[str, str]
    rows: Sequence[Mapping[str, Any]]
    chart: altair.LayerChart | None
