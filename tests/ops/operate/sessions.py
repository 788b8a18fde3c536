"""Plays what docs/operate.md types, in its order, in one running world: `python -m tests.ops.operate.sessions`.

The page's console blocks hold real answers; this writes them anew. What differs from one play to the next (times, ids,
hashes, the market's last digits) is made equal before two plays are compared.
"""

import os
import re
import shlex
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import requests

from sandbox.drills.server import DRILLS
from sandbox.world.environment import operator_environment
from sandbox.world.world import Wishes, World
from shared.model.fence import parse_fence

ROOT: Final = Path(__file__).resolve().parents[3]
PAGE: Final = ROOT / "docs" / "operate.md"
BLOCK: Final = re.compile(r"^```console\n(.*?)^```$", re.M | re.S)
TIMEOUT_S: Final = 60
EQUALS: Final = (
    (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ", "TIME"),
    (r"\d{4}-\d\d-\d\dT[0-9:.]+Z", "TIME"),
    (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "BATCH"),
    (r"\b[0-9a-f]{64}\b|\b0x[0-9a-f]{40,64}\b", "HASH"),
    (r"\b(?=[0-9a-f]*[a-f])(?=[0-9a-f]*[0-9])[0-9a-f]{14}\b", "EXCHANGE"),
    (r"\b(?:[0-9a-f]{8})\b(?=  )", "SHORT"),
    (r"\b\d+ (?:d|h|min|s)\b(?: \d+ (?:h|min|s)\b)?", "SPAN"),
    (r"\b\d+\.\d{5,}\b", "AMOUNT"),
    (r"tick \d+", "tick N"),
    (r"\b\d{4}-\d\d\b", "MONTH"),
    (r"127\.0\.0\.1:\d+", "HOST:PORT"),
    (r"\b\d+\.\d MB\b|\b\d+ bytes\b", "SIZE"),
    (r" by \w+: from", " by NAME: from"),
    (r"(TIME  [a-z ]+?)  \w+  ", r"\1  NAME  "),
)


def commands(text: str) -> list[tuple[str, str]]:
    """Every command of the page with the answer that stands below it."""
    found = []
    for block in BLOCK.findall(text):
        for part in re.split(r"^\$ ", block, flags=re.M)[1:]:
            command, _, answer = part.partition("\n")
            found.append((command, answer))
    return found


def made_equal(answer: str) -> str:
    """An answer without what differs from play to play: times, ids, hashes, last digits, the width of columns."""
    for pattern, word in EQUALS:
        answer = re.sub(pattern, word, answer)
    return re.sub(r" +", " ", answer)


@dataclass
class Terminal:
    """A shell in a folder of its own, beside a world; BATCH and MONTH are filled in."""

    world: World
    folder: Path
    environment: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        (self.folder / "microbatch").symlink_to(ROOT / "microbatch")
        own = {"PATH": os.environ["PATH"], "USER": "ada", "LOGNAME": "ada", "LC_ALL": "C.UTF-8"}
        self.environment = own | operator_environment(self.world.addresses)

    def type(self, command: str) -> str:
        """Run one command of the page and return what it prints."""
        words = shlex.split(command)
        if "sandbox" in words:
            return self._provoke(words)
        if "serve" in words:
            return self._look_and_leave(command)
        with self._running(command) as process:
            printed, _ = process.communicate(timeout=TIMEOUT_S)
        return printed

    def _provoke(self, words: list[str]) -> str:
        """What happens in the world: a payment comes in, something goes wrong."""
        name = words[-1]
        if "pay" in words:
            return f"payment {self.world.pay(name)} is pending\n"
        DRILLS[name].begin(self.world)
        return f"{name}: {DRILLS[name].summary}\n"

    def _look_and_leave(self, command: str) -> str:
        """Open the page that it says where to find, then press Ctrl-C."""
        printed = ""
        with self._running(f"exec {command}") as process:
            assert process.stdout is not None
            for line in process.stdout:
                printed += line
                if address := re.search(r"http://\S+", line):
                    requests.get(address[0], timeout=TIMEOUT_S).raise_for_status()
                    process.send_signal(signal.SIGINT)
        return printed

    @contextmanager
    def _running(self, command: str) -> Iterator[subprocess.Popen[str]]:
        with subprocess.Popen(
            ["bash", "-c", self._filled(command)],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            try:
                yield process
            finally:
                process.kill()

    def _filled(self, command: str) -> str:
        """The command with this month, and the batch of the newest order, which the database may have forgotten."""
        bucket, _, name = self.environment["FENCE"].removeprefix("gs://").partition("/")
        if "BATCH" in command:
            newest = parse_fence(self.world.storage.buckets.read(bucket, name).content)
            command = re.sub(r"\bBATCH\b", str(newest.batch_conversion_id), command)
        return command.replace("MONTH", f"{datetime.now(UTC):%Y-%m}")


def play(text: str) -> str:
    """Type every command of the page, in order, and return the page with the answers of now."""
    with World(Wishes()) as world, tempfile.TemporaryDirectory() as folder:
        terminal = Terminal(world, Path(folder))

        def answered(block: re.Match[str]) -> str:
            typed = [part.partition("\n")[0] for part in re.split(r"^\$ ", block[1], flags=re.M)[1:]]
            return "```console\n" + "".join(f"$ {one}\n{terminal.type(one)}" for one in typed) + "```"

        return BLOCK.sub(answered, text)


if __name__ == "__main__":
    PAGE.write_text(play(PAGE.read_text()))
