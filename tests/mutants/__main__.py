"""`make mutants`: changes the code in small ways and looks whether the tests notice."""

import argparse
import sys

from tests.mutants.account import summary, unexplained
from tests.mutants.campaign import choose, judge
from tests.mutants.mutant import MUTATED
from tests.mutants.reach import MUTANT_S, TESTS, read_reach


def main() -> int:
    """Judge the mutants asked for; 1 where one survived that docs/proof.md does not explain."""
    parser = argparse.ArgumentParser(prog="make mutants")
    parser.add_argument("--sample", type=int, help="how many mutants, drawn by the seed; all without it")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--module", nargs="*", default=list(MUTATED), choices=MUTATED, metavar="FILE", help="only these"
    )
    parser.add_argument("--tests", nargs="*", default=list(TESTS), metavar="FOLDER", help="what may notice them")
    parser.add_argument("--seconds", type=float, default=MUTANT_S, help="of recorded tests for one mutant")
    parser.add_argument("--processes", type=int, default=2)
    asked = parser.parse_args()
    reach = read_reach(asked.processes, asked.tests, asked.seconds)
    mutants = choose(asked.module, asked.sample, asked.seed)
    print(f"{len(mutants)} mutants, {len(reach.tests)} tests", flush=True)
    account = judge(mutants, reach, asked.processes)
    print(summary(account, asked.module))
    return 1 if unexplained(account) else 0


if __name__ == "__main__":
    sys.exit(main())
