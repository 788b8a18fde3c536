"""Both functions as processes, started, awaited and ended together."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from sandbox.world.function_process import CHECK_THRESHOLD, SWAP_EXECUTED, FunctionError, FunctionProcess


class Functions:
    """The two processes in one folder, with one environment: each reads of it what it needs."""

    def __init__(self, environment: Mapping[str, str], folder: Path, *, ports: tuple[int, int] = (0, 0)) -> None:
        self.check_threshold = FunctionProcess(CHECK_THRESHOLD, environment, folder, port=ports[0])
        self.swap_executed = FunctionProcess(SWAP_EXECUTED, environment, folder, port=ports[1])

    def __iter__(self) -> Iterator[FunctionProcess]:
        yield self.check_threshold
        yield self.swap_executed

    def __getitem__(self, name: str) -> FunctionProcess:
        return next(function for function in self if function.target.name == name)

    def start(self) -> None:
        """Start both; their ports are open on return, ready() waits for the rest."""
        for function in self:
            function.start()

    def ready(self) -> None:
        """Return once both answer."""
        for function in self:
            function.ready()

    def revive(self) -> Iterator[str]:
        """Start again what has died, and say so, or why it does not start."""
        for function in self:
            try:
                if function.revive():
                    yield f"{function.target.name} has died and was started again, as the platform does it"
            except FunctionError as error:
                yield str(error)

    def stop(self) -> None:
        """End both in good order, waiting for what they are at; a second time is harmless."""
        for function in self:
            function.stop()

    def kill(self) -> None:
        """End both at once."""
        for function in self:
            function.kill()
