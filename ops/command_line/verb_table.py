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
    LOOK: (
        Verb("status", "ops.verbs.look.status", "Show how things stand, and whether a person is needed."),
        Verb("checks", "ops.verbs.look.checks", "List the last checks with their reasons."),
        Verb("batches", "ops.verbs.look.batches", "List the last batches."),
        Verb("batch", "ops.verbs.look.batch", "Show the life of one batch."),
        Verb("payment", "ops.verbs.look.payment", "Show the life of one payment."),
        Verb("pending", "ops.verbs.look.pending", "List the payments that wait for a batch."),
        Verb("held", "ops.verbs.look.held", "List payments that can never be claimed as they stand."),
        Verb("acts", "ops.verbs.look.acts", "List what operators did, and why."),
        Verb("serve", "ops.verbs.look.serve", "Show all this to a browser on this machine."),
        Verb("report", "ops.verbs.look.report", "Write what the pages show into one file."),
        Verb("wait", "ops.verbs.look.wait", "Wait until a batch has ended: 0, 1 if it failed, 8 while it runs."),
    ),
    STEER: (
        Verb("trigger", "ops.verbs.steer.trigger", "Start a check, and say what it decided."),
        Verb("threshold", "ops.verbs.steer.threshold", "Show, set or recommend the threshold."),
        Verb("policy", "ops.verbs.steer.policy", "Show or set the policy, pause or resume batching."),
        Verb("release", "ops.verbs.steer.release", "End a batch that surely was not paid; its payments wait again."),
        Verb("resend", "ops.verbs.steer.resend", "Send a lost payment order once more."),
        Verb("breaker", "ops.verbs.steer.breaker", "Show the deposits that were lost, or open batches again."),
        Verb("mend", "ops.verbs.steer.mend", "Give a payment that can never be claimed the dollars it is worth."),
        Verb("fence", "ops.verbs.steer.fence", "Show which orders a restored database lacks, and go on."),
        Verb("accept", "ops.verbs.steer.accept", "Accept the unusual amount that arrived for a batch."),
    ),
    ACCOUNT: (
        Verb("close", "ops.verbs.account.close", "Close a month, or say what changed since it was closed."),
        Verb("digest", "ops.verbs.account.digest", "Make the digests of completed batches."),
        Verb("export", "ops.verbs.account.export", "Write payments, batches or acts into a file."),
        Verb("receipt", "ops.verbs.account.receipt", "Show what one payment got, and why."),
        Verb("savings", "ops.verbs.account.savings", "Show what batching saved, and what it could not."),
        Verb("statement", "ops.verbs.account.statement", "Show what a client's month came to, payment by payment."),
        Verb("reconcile", "ops.verbs.account.reconcile", "Compare ours, ChangeNow's word and the chain."),
        Verb("verify", "ops.verbs.account.verify", "Check a receipt without the database."),
    ),
    INSTALL: (
        Verb("cut-over", "ops.verbs.steer.cut_over", "Show what waits, and decide from when on payments are ours."),
        Verb("deploy", "ops.deployment.commands", "Review a plan, try a deployment, take it back."),
        Verb("migrate", "ops.verbs.install.migrate", "Bring the database up to the migrations."),
        Verb("remote", "ops.verbs.install.remote", "Run a verb inside the project, where a private database is."),
        Verb("peers", "ops.verbs.install.peers", "Try a neighbour's own service against the wire format."),
        Verb("package", "ops.verbs.install.package", "Build each function's archive."),
    ),
}
