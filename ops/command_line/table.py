"""Every verb of the command line: where its module is, and one line about it, so that help imports none of them."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Verb:
    """A verb; its module, imported when the verb is typed, names a click command ``command``."""

    name: str
    module: str
    summary: str


LOOK: Final = "Look"
STEER: Final = "Steer"
ACCOUNT: Final = "Account"
INSTALL: Final = "Install"

VERBS: Final[dict[str, tuple[Verb, ...]]] = {
    LOOK: (Verb("batch", "ops.verbs.look.batch", "Show the life of one batch."),),
    STEER: (
        Verb("accept", "ops.verbs.steer.accept", "Accept the unusual amount that arrived for a batch."),
        Verb("threshold", "ops.verbs.steer.threshold", "Recommend the threshold."),
    ),
    ACCOUNT: (
        Verb("digest", "ops.verbs.account.digest", "Make the digests of completed batches."),
        Verb("receipt", "ops.verbs.account.receipt", "Show what one payment got, and why."),
        Verb("verify", "ops.verbs.account.verify", "Check a receipt without the database."),
    ),
    INSTALL: (
        Verb("deploy", "ops.deployment.commands", "Review a plan, try a deployment, take it back."),
        Verb("migrate", "ops.verbs.install.migrate", "Bring the database up to the migrations."),
        Verb("package", "ops.verbs.install.package", "Build each function's archive."),
    ),
}
