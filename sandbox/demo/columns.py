"""Text in columns: widths as a terminal shows them, and numbers with their nouns."""

import unicodedata


def width(text: str) -> int:
    """How many columns a terminal gives the text: two for a wide character, none for a combining one."""
    return sum(_width(character) for character in text)


def left(text: str, columns: int) -> str:
    """The text with blanks after it."""
    return text + " " * max(0, columns - width(text))


def right(text: str, columns: int) -> str:
    """The text with blanks before it."""
    return " " * max(0, columns - width(text)) + text


def counted(count: int, noun: str) -> str:
    """A number with its noun: 1 payment, 2 payments, 2 batches."""
    if count == 1:
        return f"1 {noun}"
    return f"{count} {noun}{'es' if noun.endswith('h') else 's'}"


def _width(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
