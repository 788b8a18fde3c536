"""ChangeNow v2 on loopback: estimates, range, the partner's list, and exchanges that live from new to finished.

    with ChangeNow() as changenow:
        changenow.next_amount_to = Decimal("48.50")       # what the next exchange to finish pays out
        changenow.deposit(payin_address, Decimal("0.016"), tx_hash)

Other processes pay and move things through the paths of sandbox/changenow/controls.py.
"""

from collections.abc import Callable
from datetime import datetime

from sandbox.changenow.controls import CONTROLS
from sandbox.changenow.exchange import Schedule
from sandbox.changenow.market import Market
from sandbox.changenow.office import Office, utc_now
from sandbox.changenow.paths import PATHS
from sandbox.changenow.requests import RefusedError
from sandbox.wire.http_server import Answer, HttpServer, Request


class ChangeNow(Office, HttpServer):
    """The office, open to the network: a leading /v2 in a path is as good as none."""

    def __init__(
        self,
        *,
        api_key: str = "changenow-sandbox-key",
        market: Market | None = None,
        schedule: Schedule | None = None,
        clock: Callable[[], datetime] = utc_now,
        port: int = 0,
    ) -> None:
        Office.__init__(self, market or Market(), schedule or Schedule(), clock)
        HttpServer.__init__(self, port)
        self.api_key = api_key
        self.private_api_key: str | None = None

    def answer(self, request: Request) -> Answer:
        """What the path called says, or ChangeNow's error body."""
        name = f"{request.method} {request.path.removeprefix('/v2')}"
        try:
            if name in CONTROLS:
                return CONTROLS[name](self, request)
            if name in PATHS:
                path = PATHS[name]
                path.check_key(request, (self.private_api_key if path.is_private else None) or self.api_key)
                return path.answer(self, request)
        except RefusedError as refusal:
            return refusal.answer
        return Answer(404, {"error": "not_found", "message": f"No {request.name} here"})
