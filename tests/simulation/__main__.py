"""``python -m tests.simulation --seeds 1000``: plays seeded histories and prints the account; 1 where a rule broke."""

import argparse
import os
import sys

os.environ.setdefault("GRPC_VERBOSITY", "NONE")

from tests.simulation.engine import campaign  # gRPC reads its verbosity when it is first imported


def main() -> int:
    """Read the arguments and play."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1000, help="how many histories (default: 1000)")
    parser.add_argument("--first", type=int, default=0, help="the first seed (default: 0)")
    parser.add_argument("--workers", type=int, default=2, help="processes, each with a PostgreSQL (default: 2)")
    parser.add_argument("--shrink", type=float, default=campaign.SHRINK_S, help="seconds to shrink a broken history")
    arguments = parser.parse_args()
    account = campaign.run(arguments.first, arguments.seeds, arguments.workers, arguments.shrink)
    print(campaign.summary(account))
    return 1 if account.broken else 0


if __name__ == "__main__":
    sys.exit(main())
