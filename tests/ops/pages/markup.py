"""Reads a page as a browser's parser would, and tells what is in it."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Final

VOID: Final = {"meta", "link", "br", "img", "input", "hr"}
REFERRING: Final = {"src", "href", "srcset", "action", "data", "poster", "xlink:href", "formaction"}


@dataclass
class Element:
    """A start tag with its attributes, and the text below it."""

    tag: str
    attributes: dict[str, str]
    text: str = ""


@dataclass
class Markup(HTMLParser):
    """A page, read; `problems` holds what a careful reader objects to."""

    elements: list[Element] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    _open: list[Element] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Remember an element, and open it unless it can hold nothing."""
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.elements.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """SVG's own way to hold nothing."""
        self.elements.append(Element(tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        """Close the element that is open, and no other."""
        if not self._open or self._open[-1].tag != tag:
            self.problems.append(f"</{tag}> closes nothing")
            return
        self._open.pop()

    def handle_data(self, data: str) -> None:
        """Give a text to all that is around it."""
        for element in self._open:
            element.text += data

    def all(self, tag: str) -> list[Element]:
        """Every element of a kind."""
        return [element for element in self.elements if element.tag == tag]

    def ids(self) -> list[str]:
        """Every id, in order."""
        return [element.attributes["id"] for element in self.elements if "id" in element.attributes]

    def references(self) -> list[str]:
        """Whatever could be fetched or gone to."""
        return [value for one in self.elements for name, value in one.attributes.items() if name in REFERRING]


def read_markup(text: str) -> Markup:
    """Parse a page and look it over: closed, ids once, nothing that runs, tables and figures that can be heard."""
    page = Markup()
    page.feed(text)
    page.close()
    page.problems += [f"<{element.tag}> is left open" for element in page._open]
    ids = page.ids()
    page.problems += [f"id {one} twice" for one in set(ids) if ids.count(one) > 1]
    for element in page.elements:
        page.problems += [f"{element.tag} has {name}" for name in element.attributes if name.startswith("on")]
        page.problems += [f"{element.tag} has a style" for name in element.attributes if name == "style"]
    page.problems += [f"<{element.tag}>" for element in page.elements if element.tag in {"script", "iframe", "object"}]
    page.problems += ["a table without a caption"] * (len(page.all("table")) - len(page.all("caption")))
    page.problems += [
        "a heading of a column without its scope" for one in page.all("th") if "scope" not in one.attributes
    ]
    page.problems += ["a plot without words" for one in page.all("svg") if not one.attributes.get("aria-label")]
    page.problems += _headings(page)
    return page


def _headings(page: Markup) -> list[str]:
    """One h1, and no level left out on the way down."""
    levels = [int(element.tag[1]) for element in page.elements if element.tag in {"h1", "h2", "h3", "h4"}]
    found = [] if levels.count(1) == 1 else ["not one h1"]
    deeper = zip([0, *levels], levels, strict=False)
    return found + [f"h{after} after h{before}" for before, after in deeper if after > before + 1]
