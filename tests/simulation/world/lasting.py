"""What stays bad for ever in a history: rows that somebody holds, exchanges that ChangeNow will not tell about."""

from dataclasses import dataclass, field


@dataclass
class Lasting:
    """Everything that these do not touch has to be where it belongs within two checks."""

    exchanges: dict[str, str]  # by id: how each is bad
    rows: set[int] = field(default_factory=set)  # payments, by id
    unpaid: set[str] = field(default_factory=set)  # exchanges whose expiry is never told

    @property
    def is_empty(self) -> bool:
        """Whether nothing lasts."""
        return not (self.rows or self.exchanges or self.unpaid)

    def why(self, exchange_id: str | None) -> str | None:
        """How an exchange is bad for ever; None where it is well."""
        if exchange_id in self.unpaid:
            return "its expiry is never told"
        return self.exchanges.get(exchange_id or "")

    def end(self) -> None:
        """Let everything be good again."""
        self.rows.clear()
        self.exchanges.clear()
