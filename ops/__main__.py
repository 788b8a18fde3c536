"""`python -m ops VERB`, or `./microbatch VERB`: the operators' command line."""

import sys

from ops.command_line.root import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
