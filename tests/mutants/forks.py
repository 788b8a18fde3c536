"""Runs something in a fork of this process, with a limit of time, and nothing left of it afterwards."""

import contextlib
import json
import os
import signal
import traceback
from collections.abc import Callable
from select import select
from typing import Any, NoReturn

BROKEN = "broken"


def in_fork(run: Callable[[], Any], patience_s: float | None) -> tuple[Any] | None:
    """Return what *run* returned in the fork, in a tuple of one; None where its time was over or it vanished.

    Raises RuntimeError with its traceback where it raised.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        _run_quietly(run, writing)
    os.close(writing)
    with os.fdopen(reading) as answer:
        is_answered = bool(select([answer], [], [], patience_s)[0])
        said = answer.readline() if is_answered else ""
    _end(child)
    if not said:
        return None
    kind, value = json.loads(said)
    if kind == BROKEN:
        raise RuntimeError(value)
    return (value,)


def _run_quietly(run: Callable[[], Any], writing: int) -> NoReturn:
    """What the fork does; it ends without the parent's farewells."""
    os.setpgid(0, 0)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    try:
        said: tuple[str, Any] = ("ended", run())
    except BaseException:  # noqa: BLE001 - it is told to the parent
        said = BROKEN, traceback.format_exc()
    with os.fdopen(writing, "w") as answer:
        answer.write(json.dumps(said) + "\n")
    os._exit(0)


def _end(child: int) -> None:
    """End the fork with all that it has started."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
