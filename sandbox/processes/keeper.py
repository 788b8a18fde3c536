"""Runs one server program, and ends it and removes its folder when the owner ends in whatever way.

Run by path, with a JSON object as its only argument (see Job); it needs nothing but the standard
library. Its standard input is the owner's rope: single bytes ask for a signal, and its end means
that the owner is gone. Being a process apart is what makes this hold after SIGKILL too, when no
handler and no finally clause of the owner runs.
"""

import contextlib
import ctypes
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

INTERRUPT, QUIT, KILL = b"i", b"q", b"k"

_SIGNALS = {INTERRUPT: signal.SIGINT, QUIT: signal.SIGQUIT}
_QUIT_PATIENCE_S = 5.0
_REAP_PATIENCE_S = 5.0
_LINUX = sys.platform == "linux"
# Numbers of <sys/prctl.h> and <sys/ipc.h>.
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_IPC_RMID = 0


class Job(NamedTuple):
    """What to run, as whom, and what to clear away."""

    command: list[str]
    """The program and its arguments."""
    folder: str
    """Where the program stands."""
    owner: int
    """The process whose end ends the program."""
    user: int | None
    """User id to run as; None: the owner's."""
    group: int | None
    """Group id to run as; None: the owner's."""
    lock: str
    """PostgreSQL's postmaster.pid; its 7th line names the shared memory that SIGKILL leaves."""
    remove: bool
    """Whether the folder goes when the owner is gone."""


def main() -> int:
    """Run the job in the first argument to its end; the exit status is 0 when the program's was."""
    job = Job(**json.loads(sys.argv[1]))
    wakeup = _wake_on_child()
    if _LINUX:
        # A killed program's children become ours, so that we can wait for the last of them.
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    child = subprocess.Popen(
        job.command,
        cwd=job.folder,
        stdin=subprocess.DEVNULL,
        user=job.user,
        group=job.group,
        extra_groups=None if job.user is None else [],
        preexec_fn=_end_with_parent if _LINUX else None,  # noqa: PLW1509  # there is one thread
    )
    if not _watch(job, child, wakeup):
        _abandon(job, child)
    return 0 if child.returncode == 0 else 1


def _wake_on_child() -> int:
    """A descriptor that becomes readable when a child ends."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer)
    signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
    return reader


def _end_with_parent() -> None:
    """In the child: ask the kernel for SIGQUIT when the keeper itself is killed."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGQUIT, 0, 0, 0)


def _watch(job: Job, child: subprocess.Popen[bytes], wakeup: int) -> bool:
    """Pass signals on until the program ends (True) or the owner is gone (False)."""
    rope = sys.stdin.fileno()
    owner = _owner_descriptor(job.owner)
    poller = select.poll()
    for descriptor in (rope, wakeup, owner):
        if descriptor is not None:
            poller.register(descriptor, select.POLLIN)
    while child.poll() is None:
        ready = {descriptor for descriptor, _ in poller.poll()}
        if wakeup in ready:
            os.read(wakeup, 512)
        if owner in ready:
            return False
        if rope in ready:
            asked = os.read(rope, 1)
            if not asked:
                return False
            if asked == KILL:
                _kill(job, child)
            elif child.poll() is None:
                child.send_signal(_SIGNALS[asked])
    return True


def _owner_descriptor(owner: int) -> int | None:
    """Readable once the owner has ended, even while a fork of it holds the rope; None: unknown."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            return os.pidfd_open(owner)
    return None


def _abandon(job: Job, child: subprocess.Popen[bytes]) -> None:
    """End the program at once and clear away what the owner can no longer clear away."""
    child.send_signal(signal.SIGQUIT)
    try:
        child.wait(_QUIT_PATIENCE_S)
    except subprocess.TimeoutExpired:
        _kill(job, child)
    _kill_all(_descendants(os.getpid()))
    _reap()
    if job.remove:
        shutil.rmtree(job.folder, ignore_errors=True)


def _kill(job: Job, child: subprocess.Popen[bytes]) -> None:
    """End the program and all its children without warning, as a power cut would."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(child.pid, signal.SIGSTOP)  # so that it starts no further children
    _kill_all([*_descendants(child.pid), child.pid])
    child.wait()
    _reap()
    _drop_shared_memory(Path(job.lock))


def _kill_all(pids: list[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _descendants(ancestor: int) -> list[int]:
    """The running children of *ancestor*, their children, and so on."""
    parents = _parents()
    found = [ancestor]
    for pid in found:  # grows while it is walked
        found += [child for child, parent in parents.items() if parent == pid]
    return found[1:]


def _parents() -> dict[int, int]:
    """Each process and its parent."""
    if not _LINUX:
        listing = subprocess.check_output(["ps", "-Ao", "pid=,ppid="])
        return {int(pid): int(parent) for pid, parent in map(bytes.split, listing.splitlines())}
    parents = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            # The program's name, in parentheses, may itself hold blanks and parentheses.
            after_name = (folder / "stat").read_text().rpartition(")")[2]
            parents[int(folder.name)] = int(after_name.split()[1])
    return parents


def _reap() -> None:
    """Wait until no child is left."""
    deadline = time.monotonic() + _REAP_PATIENCE_S
    with contextlib.suppress(ChildProcessError):
        while time.monotonic() < deadline:
            if os.waitpid(-1, os.WNOHANG) == (0, 0):
                time.sleep(0.005)


def _drop_shared_memory(lock: Path) -> None:
    """Free the System V segment of the killed program, and its lock file: nothing else would."""
    with contextlib.suppress(FileNotFoundError):
        lines = lock.read_text().splitlines()
        if len(lines) > 6 and len(lines[6].split()) == 2:
            ctypes.CDLL(None).shmctl(int(lines[6].split()[1]), _IPC_RMID, None)
        # Its process is gone for certain; that number, used anew, would keep the next start away.
        lock.unlink()


if __name__ == "__main__":
    sys.exit(main())
