"""Prints the log lines of both functions as they come, a line each."""

from sandbox.world.functions import Functions


class LogPrinter:
    """Remembers what has been printed."""

    def __init__(self, functions: Functions) -> None:
        self._functions = functions
        self._shown = {function.target.name: 0 for function in functions}

    def print_new(self) -> None:
        """Print what has come since."""
        for function in self._functions:
            name = function.target.name
            for line in function.log_lines[self._shown[name] :]:
                print(f"{name}: {line.get('severity')} {line.get('message')}", flush=True)
                self._shown[name] += 1
