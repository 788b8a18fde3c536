"""``python -m tests.simulation --seeds 1000``: plays seeded histories and prints the account; 1 where a rule broke."""

import argparse
import os
import sys

os.environ.setdefault("GRPC_VERBOSITY", "NONE")

# gRPC reads its verbosity when it is first imported
from tests.simulation.engine import campaign
from tests.simulation.engine.play import play
from tests.simulation.history.generator import generate, tell_restored
from tests.simulation.history.printing import print_history
from tests.simulation.world.servers import running_servers


def play_one(seed: int, tell: campaign.Tell) -> int:
    """Play one history and print its journal; 1 where it breaks a rule."""
    with running_servers() as servers:
        result = play(servers, tell(seed))
    print("\n".join(result.journal.lines))
    print(print_history(result.history, result.broken))
    return 1 if result.broken else 0


def main() -> int:
    """Read the arguments and play."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1000, help="how many histories (default: 1000)")
    parser.add_argument("--first", type=int, default=0, help="the first seed (default: 0)")
    parser.add_argument("--workers", type=int, default=2, help="processes, each with a PostgreSQL (default: 2)")
    parser.add_argument("--shrink", type=float, default=campaign.SHRINK_S, help="seconds to shrink a broken history")
    parser.add_argument("--restored", action="store_true", help="let a backup be put back in every history")
    one = parser.add_mutually_exclusive_group()
    one.add_argument("--print", type=int, metavar="SEED", help="print a seed's history and play nothing")
    one.add_argument("--journal", type=int, metavar="SEED", help="play one history and print every step of it")
    arguments = parser.parse_args()
    tell = tell_restored if arguments.restored else generate
    if arguments.print is not None:
        print(print_history(tell(arguments.print)))
        return 0
    if arguments.journal is not None:
        return play_one(arguments.journal, tell)
    account = campaign.run(arguments.first, arguments.seeds, arguments.workers, arguments.shrink, tell=tell)
    print(campaign.summary(account))
    return 1 if account.broken else 0


if __name__ == "__main__":
    sys.exit(main())
