"""What the functions log: handed to whoever plays the process, and kept from the account that people read."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from shared.logs import logger
from tests.simulation.engine.boundaries import visitor_here

LIBRARIES: Final = ("urllib3",)


class _ToVisitor(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        if (visitor := visitor_here()) is not None:
            visitor.logged(record)


@contextmanager
def caught() -> Iterator[None]:
    """Take the functions' lines, and silence the libraries: thousands of faults would drown the account."""
    handler = _ToVisitor()
    libraries = [logging.getLogger(name) for name in LIBRARIES]
    before = logger.level, logger.propagate, logger.disabled, [library.level for library in libraries]
    logger.setLevel(logging.INFO)
    logger.propagate = logger.disabled = False
    logger.addHandler(handler)
    for library in libraries:
        library.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before[0])
        logger.propagate, logger.disabled = before[1:3]
        for library, level in zip(libraries, before[3], strict=True):
            library.setLevel(level)
