"""Builds build/<function>.zip, one self-contained source archive for each function: `./microbatch package`.

The bytes depend on the files' contents alone: not on when, where or by whom it is built, nor on
the machine's compression library, since entries are stored uncompressed (they are small).
"""

import hashlib
import os
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ops.deployment.bill_of_materials import bill_of_materials
from ops.deployment.sources import left_out, tracked

ROOT = Path(__file__).resolve().parents[2]
EARLIEST_ZIP_TIME = (1980, 1, 1, 0, 0, 0)
UNIX = 3
PLAIN_FILE_MODE = 0o100644
SHARED_SUFFIXES = (".py", ".sql")


@dataclass(frozen=True)
class Package:
    """One archive as it lies on disk."""

    path: Path
    size_bytes: int
    sha256: str


def function_names(root: Path = ROOT) -> list[str]:
    """The folders of functions/ that hold a main.py, in order."""
    return sorted(main.parent.name for main in root.glob("functions/*/main.py"))


def package_contents(name: str, root: Path = ROOT) -> dict[str, bytes]:
    """What the archive of function *name* holds, by path inside it, and nothing beside.

    requirements.txt is the lock file: every package that is installed, pinned and by the hashes of its files, so
    that pip takes no other. Its contents are also what the platform's build keys its cache of installed packages by.
    """
    own = {file.name: file.read_bytes() for file in tracked(root, f"functions/{name}")}
    contents = {
        "main.py": own["main.py"],
        "requirements.txt": own["requirements.lock"],
        "bom.json": bill_of_materials(name, own["requirements.lock"]),
    }
    for file in tracked(root, "shared"):
        if file.suffix in SHARED_SUFFIXES:
            contents[file.relative_to(root).as_posix()] = file.read_bytes()
    return dict(sorted(contents.items()))


def forgotten_sources(root: Path = ROOT) -> list[str]:
    """Sources that are not packed because git does not know them; perhaps somebody forgot to add them."""
    return [name for folder in ("functions", "shared") for name in left_out(root, folder, SHARED_SUFFIXES)]


def build(name: str, out: Path, root: Path = ROOT) -> Package:
    """Write *out*/<name>.zip whole or not at all; the same sources give the same bytes."""
    return write_archive(name, package_contents(name, root), out)


def write_archive(name: str, contents: Mapping[str, bytes], out: Path) -> Package:
    """Write these files, by path, into *out*/<name>.zip, whole or not at all."""
    out.mkdir(parents=True, exist_ok=True)
    path = out / f"{name}.zip"
    unfinished = out / f".{name}.{os.getpid()}.zip"
    try:
        with zipfile.ZipFile(unfinished, "w", zipfile.ZIP_STORED) as archive:
            for entry, data in sorted(contents.items()):
                archive.writestr(_entry_info(entry), data)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    data = path.read_bytes()
    return Package(path, len(data), hashlib.sha256(data).hexdigest())


def _entry_info(entry: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(entry, EARLIEST_ZIP_TIME)
    info.create_system = UNIX
    info.external_attr = PLAIN_FILE_MODE << 16
    info.compress_type = zipfile.ZIP_STORED
    return info
