"""One thing that the preflight has to say: what it is, where, and what to type."""

from dataclasses import dataclass
from typing import Any

from ops.schema.migration_files import MigrationRefusedError


@dataclass(frozen=True)
class Finding:
    """What stands in the way, or is carried along as it is."""

    name: str
    """Short and lasting, for programs: batch_without_payin_address."""
    says: str
    """One sentence, with the ids."""
    to_type: str | None = None
    """SQL or a command that mends it; None where there is nothing to do."""
    stops: bool = False
    """It cannot be carried: nothing is changed until it is mended."""

    @property
    def document(self) -> dict[str, Any]:
        """The finding as one JSON object."""
        return {"name": self.name, "stops": self.stops, "says": self.says, "to_type": self.to_type}

    @property
    def lines(self) -> list[str]:
        """The finding for a reader."""
        return [f"{'STOPS' if self.stops else 'note '}  {self.says}"] + (
            [f"       type: {self.to_type}"] if self.to_type else []
        )


class PreflightStopped(MigrationRefusedError):
    """Something cannot be carried; nothing was changed."""

    def __init__(self, findings: list[Finding]) -> None:
        self.findings = findings
        stops = [finding for finding in findings if finding.stops]
        super().__init__(
            "nothing was changed: "
            + " ".join(f"{stop.says}; type: {stop.to_type}" if stop.to_type else stop.says for stop in stops)
        )
