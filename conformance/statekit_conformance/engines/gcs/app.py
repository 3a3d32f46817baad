"""The engine as one WSGI application: puts the parts together, picks the API, renders refusals its way."""

import fcntl
import http
import logging
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from statekit_conformance.engines.gcs import batch, bodies, cors, errors, moments
from statekit_conformance.engines.gcs.access import Access
from statekit_conformance.engines.gcs.buckets import Buckets
from statekit_conformance.engines.gcs.database import Database
from statekit_conformance.engines.gcs.errors import Refusal
from statekit_conformance.engines.gcs.forms import Forms
from statekit_conformance.engines.gcs.http import Request, Response, request_of, to_wsgi
from statekit_conformance.engines.gcs.json_api import JsonApi
from statekit_conformance.engines.gcs.json_uploads import JsonUploads
from statekit_conformance.engines.gcs.keys import ServiceAccounts
from statekit_conformance.engines.gcs.objects import Objects
from statekit_conformance.engines.gcs.pace import Pace
from statekit_conformance.engines.gcs.part_uploads import PartUploads
from statekit_conformance.engines.gcs.rewriting import Rewriting
from statekit_conformance.engines.gcs.uploads import Uploads
from statekit_conformance.engines.gcs.xml_api import XmlApi
from statekit_conformance.engines.gcs.xml_parts import XmlParts

_JSON = ("/storage/v1/", "/download/storage/v1/", "/upload/storage/v1/")
_JSON_EXACTLY = {"/storage/v1/b", "/batch", "/batch/storage/v1"}
_DRAIN = 4 * 1024 * 1024
_PHRASES = {308: "Resume Incomplete", 499: "Client Closed Request"}

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Settings:
    """How one engine behaves.

    Attributes:
        service_accounts: Files of the accounts whose signatures are accepted.
        token: The bearer token that unsigned requests must carry, or None to let everybody in.
        one_change_a_second: Whether a second change to an object within a second is refused with 429.
        rewrite_step: The most bytes that one rewrite call copies, or None for no limit.
        clock_offset: How many seconds the engine's clock runs ahead of the machine's.
        synced: Whether an answer waits until the disk has what it acknowledges.
    """

    service_accounts: list[Path] = field(default_factory=list)
    token: str | None = None
    one_change_a_second: bool = False
    rewrite_step: int | None = None
    clock_offset: float = 0.0
    synced: bool = True


class Engine:
    """An engine over one directory. Call it as a WSGI application, from as many threads as you like.

    Raises:
        RuntimeError: If another engine serves the directory.
    """

    def __init__(self, directory: Path, settings: Settings) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._lock = _exclusive(directory / "lock")
        database = Database(directory / "gcs.sqlite3", synced=settings.synced)
        clock = moments.clock(settings.clock_offset)
        keys = ServiceAccounts.of_files(settings.service_accounts)
        objects = Objects(database, clock, Pace(limited=settings.one_change_a_second))
        buckets, uploads = Buckets(database, clock), Uploads(objects, clock)
        self._access = Access(keys, clock, settings.token)
        self._json = JsonApi(buckets, objects, Rewriting(objects, clock, settings.rewrite_step))
        self._uploads = JsonUploads(objects, uploads)
        parts = XmlParts(objects, PartUploads(objects, clock))
        self._xml = XmlApi(buckets, objects, uploads, parts, self._access, Forms(objects, keys, clock))
        with database.change() as rows:
            uploads.drop_expired(rows)
            bodies.drop_orphans(rows)

    def __call__(self, environ: Mapping[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Serve one request."""
        request = request_of(environ)
        response = self.answer(request)
        headers = [(to_wsgi(name), to_wsgi(value)) for name, value in response.headers]
        if isinstance(response.body, bytes) and not any(name == "Content-Length" for name, _ in headers):
            headers += [] if response.status in (204, 304) else [("Content-Length", str(len(response.body)))]
        if not request.body.drained(_DRAIN):
            headers.append(("Connection", "close"))
        phrase = _PHRASES.get(response.status) or http.HTTPStatus(response.status).phrase
        start_response(f"{response.status} {phrase}", headers)
        return [response.body] if isinstance(response.body, bytes) else response.body

    def answer(self, request: Request) -> Response:
        """Answer a request; what is refused is answered too."""
        json_api = request.path.startswith(_JSON) or request.path in _JSON_EXACTLY
        try:
            response = self._serve_json(request) if json_api else self._xml(request)
        except Refusal as refusal:
            response = _render(refusal, request, json_api=json_api)
        except Exception:  # noqa: BLE001 - the edge: logged with its trace, answered with 500
            _log.exception("%s %s failed", request.method, request.path)
            response = _render(errors.failed(), request, json_api=json_api)
        if request.method != "OPTIONS":
            response.headers += cors.open_exposed(request.headers) if json_api else self._xml.allowed_origin(request)
        return response

    def _serve_json(self, request: Request) -> Response:
        if request.method == "OPTIONS":
            return Response(200, cors.open_preflight(request.headers))
        if request.path.startswith("/batch"):
            return batch.serve(request, self.answer)
        uploading = request.path.startswith("/upload/")
        if not (uploading and "upload_id" in request.query):  # the URL of an upload begun is its own credential
            self._access.check(request)
        return self._uploads(request) if uploading else self._json(request)


def _render(refusal: Refusal, request: Request, *, json_api: bool) -> Response:
    if request.method == "HEAD" or refusal.status == 304:
        return Response(refusal.status)
    if json_api:
        return Response(refusal.status, [("Content-Type", "application/json; charset=UTF-8")], refusal.as_json())
    return Response(refusal.status, [("Content-Type", "application/xml; charset=UTF-8")], refusal.as_xml())


def _exclusive(path: Path) -> int:
    """Lock a directory for this process; the lock goes when the process goes, however it goes."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise RuntimeError(f"another engine serves {path.parent}") from None
    return descriptor
