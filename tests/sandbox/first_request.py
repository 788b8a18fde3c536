"""A handler that is slow once."""

import threading

from sandbox.wire.http_server import Answer, Request, Responder

PATIENCE_S = 10


def hold_first(target: Responder) -> threading.Event:
    """Let the first request to *target* wait until the event is set; later ones are answered at once."""
    release = threading.Event()

    def respond(_: Request) -> Answer:
        if len(target.requests) == 1:
            release.wait(PATIENCE_S)
        return Answer(200)

    target.respond = respond
    return release
