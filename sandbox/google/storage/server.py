"""Google Cloud Storage's JSON API for objects, as far as one small object needs it: read, write, delete.

GET    /storage/v1/b/BUCKET/o/OBJECT                 its resource; with alt=media its bytes
POST   /upload/storage/v1/b/BUCKET/o?uploadType=T    T is media (with name=OBJECT) or multipart
DELETE /storage/v1/b/BUCKET/o/OBJECT

ifGenerationMatch and ifGenerationNotMatch are honoured; a slash in an object's name comes as %2F.
"""

import json
import re
from email import message_from_bytes
from typing import Any, Final
from urllib.parse import unquote

from sandbox.google.storage.objects import Buckets, NotFoundError, PreconditionError, StoredObject
from sandbox.wire.http_server import Answer, HttpServer, Request

OBJECT: Final = re.compile(r"(?:/download)?/storage/v1/b/([^/]+)/o/([^/]+)")
UPLOAD: Final = re.compile(r"/upload/storage/v1/b/([^/]+)/o")
REASONS: Final = {400: "invalid", 404: "notFound", 412: "conditionNotMet", 304: "notModified"}


class BadRequestError(Exception):
    """The request makes no sense to the API."""


class Storage(HttpServer):
    """Buckets are made by create(); nobody needs a right to use them."""

    def __init__(self, port: int = 0) -> None:
        super().__init__(port)
        self.buckets = Buckets()

    def answer(self, request: Request) -> Answer:
        """Serve one call, or refuse it as the API does."""
        try:
            return self._route(request)
        except NotFoundError as error:
            return _refusal(404, str(error))
        except PreconditionError as error:
            return _refusal(412, str(error))
        except BadRequestError as error:
            return _refusal(400, str(error))

    def _route(self, request: Request) -> Answer:
        if request.method == "POST" and (upload := UPLOAD.fullmatch(request.path)):
            return self._upload(unquote(upload[1]), request)
        if found := OBJECT.fullmatch(request.path):
            bucket, name = unquote(found[1]), unquote(found[2])
            if request.method == "GET":
                return self._read(bucket, name, request)
            if request.method == "DELETE":
                self.buckets.delete(bucket, name, expected_generation=_generation(request, "ifGenerationMatch"))
                return Answer(204, body=b"")
        return _refusal(404, "Not Found")

    def _read(self, bucket: str, name: str, request: Request) -> Answer:
        stored = self.buckets.read(bucket, name)
        wanted = _generation(request, "ifGenerationMatch")
        if wanted is not None and wanted != stored.generation:
            raise PreconditionError("At least one of the pre-conditions you specified did not hold.")
        if _generation(request, "ifGenerationNotMatch") == stored.generation:
            return Answer(304, body=b"", headers=_headers(stored))
        if request.query.get("alt") == "media":
            headers = {**_headers(stored), "Content-Type": stored.content_type}
            return Answer(200, body=stored.content, headers=headers)
        return Answer(200, stored.document)

    def _upload(self, bucket: str, request: Request) -> Answer:
        kind = request.query.get("uploadType")
        if kind == "media":
            name, content = request.query.get("name", ""), request.body
            content_type = request.headers.get("content-type", "application/octet-stream")
        elif kind == "multipart":
            name, content, content_type = _parts(request)
        else:
            raise BadRequestError(f"uploadType {kind} is not served")
        if not name:
            raise BadRequestError("Required parameter: name")
        expected = _generation(request, "ifGenerationMatch")
        written = self.buckets.write(bucket, name, content, content_type=content_type, expected_generation=expected)
        return Answer(200, written.document)


def _generation(request: Request, name: str) -> int | None:
    text = request.query.get(name)
    if text is None:
        return None
    if not re.fullmatch("[0-9]{1,19}", text):
        raise BadRequestError(f"Invalid value for {name}: {text}")
    return int(text)


def _parts(request: Request) -> tuple[str, bytes, str]:
    """Name, content and type of a multipart/related upload: first the resource, then the bytes."""
    head = f"Content-Type: {request.headers.get('content-type', '')}\r\n\r\n".encode()
    parts: Any = message_from_bytes(head + request.body).get_payload()
    if not isinstance(parts, list) or len(parts) != 2:
        raise BadRequestError("Invalid multipart request with 0 mime parts.")
    try:
        resource = json.loads(parts[0].get_payload(decode=True))
        name = str(resource.get("name") or request.query.get("name", ""))
    except (ValueError, AttributeError) as error:
        raise BadRequestError("The resource is not a JSON object") from error
    return name, parts[1].get_payload(decode=True), parts[1].get_content_type()


def _headers(stored: StoredObject) -> dict[str, str]:
    return {
        "X-Goog-Generation": str(stored.generation),
        "X-Goog-Hash": f"crc32c={stored.document['crc32c']}",
        "ETag": f'"{stored.generation}"',
    }


def _refusal(status: int, message: str) -> Answer:
    reason = {"message": message, "domain": "global", "reason": REASONS[status]}
    return Answer(status, {"error": {"code": status, "message": message, "errors": [reason]}})
