"""Plays what docs/operate.md types, in its order, in one running world: `python -m tests.ops.operate.sessions`.

The page's console blocks hold real answers; this writes them anew. What differs from one play to the next (times, ids,
hashes, the market's last digits) is made equal before two plays are compared.
"""

import os
import re
import shlex
import subprocess
from pathlib import Path
from typing import Final

from sandbox.world.environment import function_environment
from sandbox.world.world import Wishes, World

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


def play(text: str) -> str:
    """Type every command of the page, in order, and return the page with the answers of now."""
    with World(Wishes()) as world:
        environment = {"PATH": os.environ["PATH"], "USER": "ada", "LOGNAME": "ada", "LC_ALL": "C.UTF-8"}
        environment |= function_environment(world.addresses)

        def answered(block: re.Match[str]) -> str:
            typed = [part.partition("\n")[0] for part in re.split(r"^\$ ", block[1], flags=re.M)[1:]]
            return "```console\n" + "".join(f"$ {one}\n{_type(world, one, environment)}" for one in typed) + "```"

        return BLOCK.sub(answered, text)


def _type(world: World, command: str, environment: dict[str, str]) -> str:
    words = shlex.split(command)
    if "sandbox" in words and "pay" in words:
        return f"payment {world.pay(words[-1])} is pending\n"
    assert words[0] == "./microbatch", command
    run = subprocess.run(
        [str(ROOT / "microbatch"), *words[1:]],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    return run.stdout


if __name__ == "__main__":
    PAGE.write_text(play(PAGE.read_text()))
