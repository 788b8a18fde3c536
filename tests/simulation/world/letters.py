"""Callbacks before they are sealed."""

from dataclasses import dataclass
from datetime import datetime

from sandbox.peers.gchostpay1_tokens import Execution, encrypt_gchostpay1_to_microbatch_token
from tests.rig import SIGNING_KEY


@dataclass(frozen=True)
class Letter:
    """A callback before it is opened: what it says, when it was signed, whether it is as it was signed."""

    says: Execution
    signed_at: datetime
    is_damaged: bool = False

    def seal(self) -> str:
        """Write the token, with its last bytes changed where it is damaged."""
        token = encrypt_gchostpay1_to_microbatch_token(self.says, SIGNING_KEY, int(self.signed_at.timestamp()))
        return f"{token[:-4]}AAAA" if self.is_damaged else token
