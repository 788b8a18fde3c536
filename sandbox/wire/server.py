"""What every stand-in is: a server on loopback that keeps its port and meets faults."""

from abc import abstractmethod
from typing import Final

from sandbox.wire.faults import Faults, Reply
from sandbox.wire.startable import Startable

HOST: Final = "127.0.0.1"


class Server(Startable):
    """Started and stopped any number of times; the port, free or given, and what it knows stay the same."""

    def __init__(self, port: int, understood: type[Reply]) -> None:
        self.faults = Faults(understood)
        self._port = port

    @property
    def address(self) -> str:
        """`host:port`, as the *_EMULATOR_HOST variables take it."""
        if not self._port:
            raise RuntimeError(f"{type(self).__name__} has not been started")
        return f"{HOST}:{self._port}"

    @abstractmethod
    def start(self) -> None:
        """Listen; calls are accepted on return, and a port in use is an error."""

    @abstractmethod
    def stop(self) -> None:
        """Break all calls and stop listening; a second time is harmless."""
