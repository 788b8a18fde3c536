"""The Cloud Storage stand-in keeps to the JSON API's contract for objects and their generations."""

import base64
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import google_crc32c
import pytest
import requests

from sandbox.google.storage.server import Storage
from sandbox.wire.faults import lose_answer, status

TIMEOUT_S = 5


@pytest.fixture
def storage() -> Iterator[Storage]:
    with Storage() as server:
        server.buckets.create("fences")
        yield server


def write(storage: Storage, content: bytes, generation: int | None = None, **more: str) -> requests.Response:
    query = {"uploadType": "media", "name": "prod/newest", **more}
    if generation is not None:
        query["ifGenerationMatch"] = str(generation)
    url = f"{storage.url}/upload/storage/v1/b/fences/o"
    return requests.post(url, params=query, data=content, headers={"Content-Type": "text/plain"}, timeout=TIMEOUT_S)


def read(storage: Storage, name: str = "prod%2Fnewest", **query: str) -> requests.Response:
    return requests.get(f"{storage.url}/storage/v1/b/fences/o/{name}", params=query, timeout=TIMEOUT_S)


def test_an_object_is_written_and_read_with_its_generation(storage: Storage) -> None:
    """The resource tells what was written; the media comes back byte for byte."""
    made = write(storage, b"17").json()
    assert (made["bucket"], made["name"], made["size"]) == ("fences", "prod/newest", "2")
    assert base64.b64decode(made["crc32c"]) == google_crc32c.value(b"17").to_bytes(4, "big")
    media = read(storage, alt="media")
    assert (media.content, media.headers["Content-Type"]) == (b"17", "text/plain")
    assert media.headers["X-Goog-Generation"] == made["generation"] == read(storage).json()["generation"]
    assert read(storage, ifGenerationNotMatch=made["generation"]).status_code == 304


def test_a_write_holds_only_for_the_generation_that_it_knows(storage: Storage) -> None:
    """0 means that there must be none; an old generation is refused with 412, and nothing changes."""
    first = write(storage, b"1", 0).json()["generation"]
    assert write(storage, b"2", 0).status_code == 412
    second = write(storage, b"2", int(first)).json()["generation"]
    refused = write(storage, b"3", int(first))
    assert int(second) > int(first)
    assert (refused.status_code, refused.json()["error"]["errors"][0]["reason"]) == (412, "conditionNotMet")
    assert read(storage, alt="media").content == b"2"
    assert read(storage, ifGenerationMatch=first).status_code == 412


def test_of_many_writers_at_once_one_wins(storage: Storage) -> None:
    """All of them know the same generation."""
    known = int(write(storage, b"0").json()["generation"])
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda number: write(storage, b"%d" % number, known).status_code, range(8)))
    assert sorted(answers) == [200] + [412] * 7
    assert len(storage.buckets.writes) == 2


def test_a_multipart_upload_names_its_object(storage: Storage) -> None:
    """As Google's own client sends small objects."""
    body = (
        b'--cut\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n{"name": "prod/newest"}\r\n'
        b"--cut\r\nContent-Type: text/plain\r\n\r\n18\r\n--cut--"
    )
    url = f"{storage.url}/upload/storage/v1/b/fences/o"
    headers = {"Content-Type": 'multipart/related; boundary="cut"'}
    made = requests.post(url, params={"uploadType": "multipart"}, data=body, headers=headers, timeout=TIMEOUT_S)
    assert (made.status_code, made.json()["name"]) == (200, "prod/newest")
    assert read(storage, alt="media").content == b"18"


def test_what_is_missing_or_bad_is_refused(storage: Storage) -> None:
    """404 and 400 with the API's error body."""
    missing = read(storage)
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, 404)
    elsewhere = requests.get(f"{storage.url}/storage/v1/b/nowhere/o/x", timeout=TIMEOUT_S)
    assert elsewhere.status_code == 404
    assert requests.get(f"{storage.url}/storage/v1/b", timeout=TIMEOUT_S).status_code == 404
    assert write(storage, b"1", name="").status_code == 400
    assert write(storage, b"1", uploadType="resumable").status_code == 400
    assert write(storage, b"1", ifGenerationMatch="newest").status_code == 400
    url = f"{storage.url}/upload/storage/v1/b/fences/o?uploadType=multipart"
    assert requests.post(url, data=b"x", headers={"Content-Type": "text/plain"}, timeout=TIMEOUT_S).status_code == 400


def test_an_object_can_be_deleted(storage: Storage) -> None:
    """Under the same preconditions; the next one has another generation."""
    made = write(storage, b"1").json()["generation"]
    url = f"{storage.url}/storage/v1/b/fences/o/prod%2Fnewest"
    assert requests.delete(url, params={"ifGenerationMatch": "1"}, timeout=TIMEOUT_S).status_code == 412
    assert requests.delete(url, params={"ifGenerationMatch": made}, timeout=TIMEOUT_S).status_code == 204
    assert requests.delete(url, timeout=TIMEOUT_S).status_code == 404
    assert write(storage, b"2", 0).json()["generation"] != made


def test_faults_are_met_at_the_wire(storage: Storage) -> None:
    """A refused write has not happened; one whose answer is lost has, as its generation shows."""
    name = "POST /upload/storage/v1/b/fences/o"
    storage.faults.add(name, status(503, body=json.dumps({"error": {"code": 503}})))
    assert write(storage, b"1", 0).status_code == 503
    storage.faults.add(name, lose_answer)
    with pytest.raises(requests.ConnectionError):
        write(storage, b"1", 0)
    assert write(storage, b"1", 0).status_code == 412
