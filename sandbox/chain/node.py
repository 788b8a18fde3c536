"""A node of the sandbox's chain: JSON-RPC over HTTP, one call or several in a request, with faults at the wire.

with ChainNode() as node:
    node.faults.add("POST /", status(503), where=calls("eth_getTransactionReceipt"))
    node.ledger.mines = False                        # transactions wait, and their receipts are null
"""

from collections.abc import Callable
from typing import Any, Final

from sandbox.chain.ledger import Ledger
from sandbox.chain.methods import RpcError, answer
from sandbox.wire.decimal_json import load_json
from sandbox.wire.http_server import Answer, HttpServer, Request

NOT_JSON: Final = -32700
NOT_A_CALL: Final = -32600


class ChainNode(HttpServer):
    """The ledger, open to the network."""

    def __init__(self, port: int = 0) -> None:
        super().__init__(port)
        self.ledger = Ledger()

    def answer(self, request: Request) -> Answer:
        """The results of the calls in a request; a call that fails is an error in an answer 200."""
        try:
            document = load_json(request.body)
        except ValueError:
            return Answer(200, _failed(None, NOT_JSON, "parse error"))
        if isinstance(document, list):
            return Answer(200, [self._call(each) for each in document])
        return Answer(200, self._call(document))

    def _call(self, call: Any) -> dict[str, Any]:
        if not isinstance(call, dict) or not isinstance(call.get("method"), str):
            return _failed(None, NOT_A_CALL, "invalid request")
        try:
            result = answer(self.ledger, call["method"], call.get("params", []))
        except RpcError as error:
            return _failed(call.get("id"), error.code, str(error))
        return {"jsonrpc": "2.0", "id": call.get("id"), "result": result}


def calls(method: str, *parameters: str) -> Callable[[Any], bool]:
    """Pick the requests that call a method, with these first parameters where any are given."""

    def picks(request: Any) -> bool:
        document = load_json(request.body)
        called = document if isinstance(document, list) else [document]
        return any(
            call["method"] == method and call.get("params", [])[: len(parameters)] == list(parameters)
            for call in called
        )

    return picks


def _failed(identity: Any, code: int, message: str) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": identity, "error": {"code": code, "message": message}}
