"""`python -m sandbox COMMAND`: see sandbox/commands.py."""

import sys

from sandbox.processes.interrupts import Interrupted, Interrupts


def run() -> int:
    """Run the command line; Ctrl-C ends it with one line at any moment, also while it is loading."""
    with Interrupts() as interrupts:
        try:
            from sandbox.commands import main  # noqa: PLC0415  # takes a second: Google's libraries

            return main(sys.argv[1:], interrupts)
        except Interrupted as interrupted:
            print(f"\n{interrupted}: everything is stopped and removed", file=sys.stderr)
            return interrupted.exit_code


if __name__ == "__main__":
    sys.exit(run())
