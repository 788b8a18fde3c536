"""The market behind the ChangeNow stand-in: price, fees and range, all settable while it runs."""

from dataclasses import dataclass, field
from decimal import ROUND_DOWN, ROUND_UP, Decimal, localcontext

# Places of an amount in ChangeNow's answers: samples show 8 for coins, USDT has 6 on the chain.
PLACES = {"eth": Decimal("1e-8"), "usdt": Decimal("1e-6")}
HUNDRED = Decimal(100)


@dataclass(frozen=True)
class Pair:
    """A direction of exchange, by the tickers in lower case."""

    from_currency: str
    to_currency: str


ETH_TO_USDT = Pair("eth", "usdt")
USDT_TO_ETH = Pair("usdt", "eth")
PAIRS = frozenset({ETH_TO_USDT, USDT_TO_ETH})


@dataclass
class Market:
    """What an exchange costs now; assign to a field to move the market."""

    eth_price_usd: Decimal = Decimal("3000")
    fee_pct: Decimal = Decimal("0.5")
    slippage_pct: Decimal = Decimal("0.2")
    """What is lost between the estimate and the payout; below zero when the market moved up."""
    network_fees: dict[str, Decimal] = field(
        default_factory=lambda: {"eth": Decimal("0.00002"), "usdt": Decimal("0.25")}
    )
    min_eth: Decimal = Decimal("0.0005")
    max_eth: Decimal | None = None

    def direct(self, pair: Pair, from_amount: Decimal) -> Decimal:
        """What *from_amount* brings after all fees, rounded down; below zero when fees eat it."""
        with localcontext() as context:
            context.prec = 60
            exchanged = (from_amount - self.deposit_fee(pair)) * self._rate(pair) * self._kept()
            return self._places(exchanged - self.withdrawal_fee(pair), pair.to_currency, ROUND_DOWN)

    def reverse(self, pair: Pair, to_amount: Decimal) -> Decimal:
        """What has to be sent so that *to_amount* arrives, rounded up to the currency's places."""
        with localcontext() as context:
            context.prec = 60
            exchanged = (to_amount + self.withdrawal_fee(pair)) / self._rate(pair) / self._kept()
            return self._places(exchanged + self.deposit_fee(pair), pair.from_currency, ROUND_UP)

    def paid_out(self, pair: Pair, from_amount: Decimal) -> Decimal:
        """What really arrives: the estimate of this moment less slippage, never below zero."""
        with localcontext() as context:
            context.prec = 60
            received = self.direct(pair, from_amount) * (1 - self.slippage_pct / HUNDRED)
            return max(Decimal(0), self._places(received, pair.to_currency, ROUND_DOWN))

    def minimum(self, pair: Pair) -> Decimal:
        """The least that may be sent, in the currency that is sent."""
        return self._limit(pair, self.min_eth, ROUND_UP)

    def maximum(self, pair: Pair) -> Decimal | None:
        """The most that may be sent, in the currency that is sent; None when there is no limit."""
        return None if self.max_eth is None else self._limit(pair, self.max_eth, ROUND_DOWN)

    def deposit_fee(self, pair: Pair) -> Decimal:
        """The network fee of what comes in, in its own currency."""
        return self.network_fees[pair.from_currency]

    def withdrawal_fee(self, pair: Pair) -> Decimal:
        """The network fee of what goes out, in its own currency."""
        return self.network_fees[pair.to_currency]

    def _limit(self, pair: Pair, amount_eth: Decimal, rounding: str) -> Decimal:
        amount = amount_eth if pair.from_currency == "eth" else amount_eth * self.eth_price_usd
        return self._places(amount, pair.from_currency, rounding)

    def _rate(self, pair: Pair) -> Decimal:
        return self.eth_price_usd if pair == ETH_TO_USDT else 1 / self.eth_price_usd

    def _kept(self) -> Decimal:
        return 1 - self.fee_pct / HUNDRED

    @staticmethod
    def _places(amount: Decimal, currency: str, rounding: str) -> Decimal:
        return amount.quantize(PLACES[currency], rounding=rounding)
