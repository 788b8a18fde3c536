"""Takes orders for drills while a world runs: what begins, what ends, what is going on.

GET    /        every drill with its summary, and whether it is going on
POST   /NAME    let it begin
DELETE /NAME    end it; DELETE / ends all
"""

import threading
from typing import Any, Final

from sandbox.drills import deployments, exchange, levers, neighbours, outages, records
from sandbox.drills.drill import Drill, End
from sandbox.wire.http_server import Answer, HttpServer, Request
from sandbox.world.world import World

DRILLS: Final[dict[str, Drill]] = {
    drill.name: drill
    for drills in (
        exchange.DRILLS,
        neighbours.DRILLS,
        outages.DRILLS,
        deployments.DRILLS,
        levers.DRILLS,
        records.DRILLS,
    )
    for drill in drills
}


class DrillServer(HttpServer):
    """One for each world; drills begin and end one at a time."""

    def __init__(self, world: World, port: int = 0) -> None:
        super().__init__(port)
        self._world = world
        self._lock = threading.Lock()
        self._going_on: dict[str, End] = {}

    def answer(self, request: Request) -> Answer:
        """Do what is asked, or say why not."""
        name = request.path.removeprefix("/")
        if name and name not in DRILLS:
            return _refusal(404, f"there is no drill {name}")
        with self._lock:
            if request.method == "POST" and name:
                return self._begin(DRILLS[name])
            if request.method == "DELETE":
                return self._end(name)
            return Answer(200, self._listed())

    def _begin(self, drill: Drill) -> Answer:
        if drill.name in self._going_on:
            return _refusal(409, f"{drill.name} is going on already")
        try:
            self._going_on[drill.name] = drill.begin(self._world)
        except ValueError as error:
            return _refusal(409, str(error))
        return Answer(200, {"message": f"{drill.name}: {drill.summary}"})

    def _end(self, name: str) -> Answer:
        if name and name not in self._going_on:
            return _refusal(409, f"{name} is not going on")
        ended = [name] if name else list(self._going_on)
        for each in ended:
            self._going_on.pop(each)()
        return Answer(200, {"message": f"ended: {', '.join(ended) or 'nothing was going on'}"})

    def _listed(self) -> list[dict[str, Any]]:
        return [
            {"name": drill.name, "summary": drill.summary, "going_on": drill.name in self._going_on}
            for drill in DRILLS.values()
        ]


def _refusal(status: int, message: str) -> Answer:
    return Answer(status, {"message": message})
