"""`package`: build/<function>.zip, one self-contained source archive for each function."""

from pathlib import Path

import click

from ops.command_line.answers import Answer, answering, tell
from ops.deployment.operations_archive import fetch_and_build
from ops.deployment.package import ROOT, build, forgotten_sources, function_names


@click.command()
@click.option("--out", type=click.Path(path_type=Path), default=ROOT / "build", help="Folder of the archives.")
@click.option("--operations", metavar="PYTHON", help="Also the operations job's archive, for that Python (3.11).")
@answering
def command(out: Path, operations: str | None) -> Answer:
    """Build each function's archive."""
    for name in forgotten_sources():
        tell(f"not packed, since git does not know it: {name}")
    packages = [build(name, out) for name in function_names()]
    if operations:
        packages.append(fetch_and_build(out, operations))
    lines = [f"{one.path}  {one.size_bytes} bytes  sha256 {one.sha256}" for one in packages]
    facts = [{"path": one.path, "size_bytes": one.size_bytes, "sha256": one.sha256} for one in packages]
    return Answer({"packages": facts}, lines)
