"""What stays bad for ever in a history: rows that somebody holds, exchanges that ChangeNow will not tell about."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.simulation.world.servers import Servers


@dataclass
class Lasting:
    """Everything that these do not touch has to be where it belongs within two checks."""

    rows: set[int] = field(default_factory=set)  # payments, by id
    exchanges: dict[str, str] = field(default_factory=dict)  # by id: how each is bad

    @property
    def is_empty(self) -> bool:
        """Whether nothing lasts."""
        return not (self.rows or self.exchanges)

    def end(self, servers: "Servers") -> None:
        """Let everything be good again."""
        self.rows.clear()
        self.exchanges.clear()
