"""`python -m ops VERB`, or `./microbatch VERB`: the operators' command line."""

import logging
import os
import sys

from ops.command_line.root import main

# A laptop without credentials is asked by Google's libraries whether it is one of Google's machines: they would wait
# for nobody's answer for twelve seconds and print each attempt. The job inside the project answers at once.
WITHOUT_GOOGLES_MACHINE = {"GCE_METADATA_TIMEOUT": "1", "GCE_METADATA_DETECT_RETRIES": "2"}

if __name__ == "__main__":
    os.environ |= {name: os.environ.get(name, value) for name, value in WITHOUT_GOOGLES_MACHINE.items()}
    logging.getLogger("google.auth").setLevel(logging.ERROR)
    sys.exit(main(sys.argv[1:]))
