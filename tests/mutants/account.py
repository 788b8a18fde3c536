"""What is printed of a campaign: the score of each file, and every survivor that nobody has explained."""

import re
from collections.abc import Sequence
from typing import Final

from tests.mutants.campaign import KILLED, Account
from tests.mutants.mutant import ROOT, Mutant

PROOF: Final = ROOT / "docs" / "proof.md"
ROW: Final = re.compile(r"^\| `([a-z_/.0-9]+)` \| `(.+?)` \| `(.*?)` \| (.+) \|$", re.MULTILINE)


def explained() -> dict[tuple[str, str, str], str]:
    """The survivors that are no mistakes, as docs/proof.md explains them: file, taken out, put in, why."""
    rows = ROW.findall(PROOF.read_text()) if PROOF.exists() else []
    return {(path, out.replace("\\|", "|"), put.replace("\\|", "|")): why for path, out, put, why in rows}


def unexplained(account: Account) -> list[Mutant]:
    """The survivors that nobody has explained yet."""
    known = explained()
    return [mutant for mutant in account.survivors() if (mutant.path, *mutant.change) not in known]


def summary(account: Account, paths: Sequence[str]) -> str:
    """The scores, the survivors and what they come to."""
    left = unexplained(account)
    lines = [_told(mutant, account) for mutant in left]
    lines += [_score(path, account, left) for path in (*paths, "")]
    lines.append(f"{account.duration_s:.0f} s")
    return "\n".join(line for line in lines if line)


def _told(mutant: Mutant, account: Account) -> str:
    outcome = account.verdicts[mutant.key].outcome
    return "\n".join([f"{mutant.place} {outcome} ({mutant.operator})", *(f"    {line}" for line in mutant.changed)])


def _score(path: str, account: Account, left: Sequence[Mutant]) -> str:
    """A file's line, all files' where none is given: killed of those that are not equivalent."""
    mine = [mutant for mutant in account.mutants if path in ("", mutant.path)]
    outcomes = [account.verdicts[mutant.key].outcome for mutant in mine]
    killed, too_slow = sum(outcome in KILLED for outcome in outcomes), outcomes.count("timeout")
    survived = sum(path in ("", mutant.path) for mutant in left)
    if not mine:
        return ""
    share = 100 * killed / max(killed + survived, 1)
    equivalent = len(mine) - killed - survived
    counts = f"{len(mine):>5} mutants {killed:>5} killed ({too_slow} by time)"
    counts += f" {equivalent:>4} explained {survived:>4} left"
    return f"{path or 'all':<42} {counts} {share:6.1f} %"
