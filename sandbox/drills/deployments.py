"""A function goes wrong: it dies, or is deployed with a mistyped setting or a bug."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

from sandbox.drills.drill import Drill, End, nothing_to_end
from sandbox.world.function_process import FunctionProcess
from sandbox.world.world import World

MISCONFIGURED: Final = {"GCHOSTPAY1_URL": "gchostpay1.example"}
BUG: Final = """

def run_check(*_: object, **__: object) -> None:
    raise ArithmeticError("a bug that nobody has seen before, planted by the drill")
"""


def _kill(name: str) -> Callable[[World], End]:
    def begin(world: World) -> End:
        world.function(name).kill()
        return nothing_to_end

    return begin


def _misconfigure(world: World) -> End:
    """Deploy check_threshold with a mistyped address, as a wrong .tfvars does; the end deploys it rightly."""
    function = world.functions.check_threshold
    before = function.environment
    _deploy(function, environment={**before, **MISCONFIGURED})
    return lambda: _deploy(function, environment=before)


def _plant_bug(world: World) -> End:
    """Deploy a copy of the code in which a check ends in an error that nobody expects; the end deploys what was."""
    function = world.functions.check_threshold
    before, copied = function.root, world.folder / "with-a-bug"
    for name in ("functions", "shared"):
        shutil.copytree(before / name, copied / name, dirs_exist_ok=True)
    main = copied / "functions" / "check_threshold" / "main.py"
    main.write_text((before / "functions" / "check_threshold" / "main.py").read_text() + BUG)
    _deploy(function, root=copied)
    return lambda: _deploy(function, root=before)


def _deploy(function: FunctionProcess, *, environment: dict[str, str] | None = None, root: Path | None = None) -> None:
    function.environment = environment or function.environment
    function.root = root or function.root
    function.restart()


DRILLS: Final = (
    Drill("check-threshold-misconfigured", "check_threshold is deployed with a mistyped address", _misconfigure),
    Drill("check-threshold-buggy", "check_threshold is deployed with a bug", _plant_bug),
    Drill("check-threshold-killed", "check_threshold's process dies; it is started again", _kill("check_threshold")),
    Drill("swap-executed-killed", "swap_executed's process dies; it is started again", _kill("swap_executed")),
)
