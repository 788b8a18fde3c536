"""Binds a loopback port, writes its number to a file, and becomes the given command.

The command inherits the listening socket as systemd would hand it over (LISTEN_FDS), which gunicorn
understands: nobody else can take the port in between, and early callers wait instead of failing.

    python listen.py PORT PORT_FILE COMMAND...      (PORT 0: any free one; {port} is filled in)
"""

import os
import socket
import sys
from pathlib import Path

FIRST_INHERITED = 3
BACKLOG = 128


def main() -> None:
    """Replace this process by the command."""
    port, port_file, command = int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:]
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
    except OSError as error:
        sys.exit(f"127.0.0.1:{port} cannot be had: {error.strerror}")
    listener.listen(BACKLOG)
    bound = str(listener.getsockname()[1])
    if listener.fileno() != FIRST_INHERITED:
        os.dup2(listener.fileno(), FIRST_INHERITED)
    os.set_inheritable(FIRST_INHERITED, True)
    unfinished = port_file.with_suffix(".unfinished")
    unfinished.write_text(bound)
    unfinished.replace(port_file)
    os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1")
    os.execv(command[0], [part.replace("{port}", bound) for part in command])  # noqa: S606


if __name__ == "__main__":
    main()
