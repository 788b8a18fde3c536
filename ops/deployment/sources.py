"""Which files of the repository may be packed: regular ones that git knows, and nothing that a link leads to."""

import subprocess
from pathlib import Path

from ops.command_line.failures import NotDone


def tracked(root: Path, folder: str) -> list[Path]:
    """The files under *root*/*folder* that may be packed, in order.

    In a git checkout those that git knows: what somebody left lying there, an environment file with
    a password among it, is not deployed. In an unpacked release, which has no git, all but hidden ones.
    Raises NotDone for a symbolic link: what it points to may be anybody's.
    """
    names = _known_to_git(root, folder) if (root / ".git").exists() else _visible(root, folder)
    files = [root / name for name in sorted(names)]
    for file in files:
        inside = [file, *file.relative_to(root).parents]
        if any((root / part).is_symlink() for part in inside) or not file.is_file():
            raise NotDone(f"{file} is no regular file of the repository and is not packed")
    return files


def left_out(root: Path, folder: str, suffixes: tuple[str, ...]) -> list[str]:
    """Files that look like sources and that git does not know: perhaps somebody forgot to add them."""
    if not (root / ".git").exists():
        return []
    untracked = _listed(root, folder, "--others", "--exclude-standard")
    return sorted(name for name in untracked if name.endswith(suffixes))


def _known_to_git(root: Path, folder: str) -> set[str]:
    return _listed(root, folder, "--cached") - _listed(root, folder, "--deleted")


def _listed(root: Path, folder: str, *which: str) -> set[str]:
    command = ["git", "-C", str(root), "ls-files", "-z", *which, "--", folder]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise NotDone(f"git does not say which files of {root} are tracked: {error}") from error
    return {name for name in done.stdout.split("\0") if name}


def _visible(root: Path, folder: str) -> set[str]:
    found = (file.relative_to(root) for file in (root / folder).rglob("*") if not file.is_dir())
    return {path.as_posix() for path in found if not any(part.startswith((".", "__pycache__")) for part in path.parts)}
