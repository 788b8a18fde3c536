"""A client of ChangeNow's, and a peer that says to it whatever a test wants."""

import json
from dataclasses import dataclass
from decimal import Decimal

from sandbox.wire.http_server import Answer, Request, Responder
from shared.model.exchange import CreatedExchange, Estimate, ExchangeState
from shared.outside.changenow import ChangeNow

PAYOUT, REFUND = "0xAbCdEf0000000000000000000000000000000001", "0xAbCdEf0000000000000000000000000000000002"


@dataclass
class Desk:
    """A client, and the peer that says to it whatever a test wants."""

    peer: Responder
    client: ChangeNow

    def say(self, answer: object, status: int = 200) -> None:
        """Answer from now on: with a document, or with a text as it is."""
        text = answer if isinstance(answer, str) else json.dumps(answer)
        self.peer.respond = lambda _: Answer(status, body=text.encode())

    @property
    def asked(self) -> Request:
        """The latest request."""
        return self.peer.requests[-1]

    def estimate(self) -> Estimate:
        """Ask what an ETH brings."""
        return self.client.estimate_usdt(Decimal(1))

    def find(self) -> ExchangeState:
        """Ask where an exchange is."""
        return self.client.get_exchange("an-id")

    def make(self) -> CreatedExchange:
        """Make an exchange."""
        return self.client.create_exchange(
            amount_eth=Decimal("0.00833333"), payout_address=PAYOUT, refund_address=REFUND
        )
