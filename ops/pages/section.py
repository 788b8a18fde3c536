"""A part of a page: read from the database at one instant, shown by a template of its own."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Section:
    """Its name is its anchor in a report; what its template shows are its facts."""

    name: str
    title: str
    template: str
    facts: Mapping[str, Any] = field(default_factory=dict)
