"""Where the parts of a running world are: written to a file, so that other processes find them."""

import json
import os
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

FOLDER_PREFIX = "telepay-sandbox-"
FILE_NAME = "world.json"

PROJECT = "telepay-sandbox"
LOCATION = "us-central1"
CHECK_TOPIC = "micro-batch-trigger"
EVENTS_TOPIC = "micro-batch-events"
BATCH_QUEUE = "gchostpay1-batch-queue"
RESPONSE_QUEUE = "microbatch-response-queue"
PAYOUT_QUEUE = "gcsplit1-batch-queue"
FENCE_BUCKET = "telepay-sandbox-fence"
THRESHOLD_SECRET = "MICRO_BATCH_THRESHOLD_USD"
POLICY_SECRET = "MICRO_BATCH_POLICY"


class NoWorldError(Exception):
    """There is no running world, or more than one; the message says what to type."""


@dataclass(frozen=True)
class Addresses:
    """The parts of one world; Google's servers as host:port, the others as URLs."""

    folder: str
    owner: int  # the process whose world it is
    database_url: str
    cloud_tasks: str
    secret_manager: str
    pubsub: str
    storage: str
    changenow_url: str
    gchostpay1_url: str
    gcaccumulator_url: str
    gcbatchprocessor_url: str
    check_threshold_url: str
    swap_executed_url: str
    drills_url: str = ""
    pages_url: str = ""
    chain_url: str = ""  # of a node of the chain, where there is one

    def write(self) -> None:
        """Leave the addresses in the world's folder, for its owner's eyes alone."""
        file = Path(self.folder) / FILE_NAME
        unfinished = file.with_suffix(".unfinished")
        unfinished.touch(mode=0o600)
        unfinished.write_text(json.dumps(asdict(self), indent=2) + "\n")
        unfinished.replace(file)

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read them back."""
        return cls(**json.loads((folder / FILE_NAME).read_text()))


def queue_path(queue: str) -> str:
    """A queue's full name."""
    return f"projects/{PROJECT}/locations/{LOCATION}/queues/{queue}"


def topic_path(topic: str) -> str:
    """A topic's full name."""
    return f"projects/{PROJECT}/topics/{topic}"


def find_world(folder: Path | None) -> Addresses:
    """The world in *folder*, or else the only one that runs."""
    if folder is not None:
        if not (folder / FILE_NAME).is_file():
            raise NoWorldError(f"there is no running sandbox in {folder}")
        return Addresses.read(folder)
    found = [Addresses.read(file.parent) for file in _files()]
    running = [addresses for addresses in found if _runs(addresses.owner)]
    if not running:
        raise NoWorldError("no sandbox is running: start one with `make sandbox`")
    if len(running) > 1:
        choices = " or ".join(f"--world {addresses.folder}" for addresses in running)
        raise NoWorldError(f"several sandboxes are running: say {choices}")
    return running[0]


def _files() -> list[Path]:
    here = Path(tempfile.gettempdir())
    files = sorted(here.glob(f"{FOLDER_PREFIX}*/{FILE_NAME}"))
    return [file for file in files if os.access(file, os.R_OK)]


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
