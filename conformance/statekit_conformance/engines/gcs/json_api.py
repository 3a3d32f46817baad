"""The JSON API: buckets and objects. Uploads are in `json_uploads`, batches in `batch`.

Handlers translate: parameters in, one call of the engine, a resource out. Parameters that would change the
meaning of a request, and that the engine does not implement, are refused rather than ignored.
"""

from collections.abc import Mapping
from typing import Any

from statekit_conformance.engines.gcs import attributes, errors, listing, media, resources
from statekit_conformance.engines.gcs.attributes import Attributes
from statekit_conformance.engines.gcs.buckets import Buckets
from statekit_conformance.engines.gcs.conditions import Conditions
from statekit_conformance.engines.gcs.http import Request, Response, json_response
from statekit_conformance.engines.gcs.objects import Objects, Source, Target
from statekit_conformance.engines.gcs.rewriting import Rewriting
from statekit_conformance.engines.gcs.routes import dispatch, route

_UNSERVED = ("matchGlob", "filter", "softDeleted", "restoreToken", "kmsKeyName", "destinationKmsKeyName")
_UNSERVED_IF_TRUE = ("includeFoldersAsPrefixes", "deleteSourceObjects")


class JsonApi:
    """Handlers of ``/storage/v1`` and ``/download/storage/v1``."""

    def __init__(self, buckets: Buckets, objects: Objects, rewriting: Rewriting) -> None:
        self._buckets = buckets
        self._objects = objects
        self._rewriting = rewriting
        one_bucket, one_object = "/storage/v1/b/{}", "/storage/v1/b/{}/o/{}"
        self._routes = (
            route("GET", "/storage/v1/b", self._list_buckets),
            route("POST", "/storage/v1/b", self._insert_bucket),
            route("GET", one_bucket, self._get_bucket),
            route("PATCH", one_bucket, self._change_bucket),
            route("PUT", one_bucket, self._change_bucket),
            route("DELETE", one_bucket, self._delete_bucket),
            route("GET", one_bucket + "/o", self._list_objects),
            route("GET", one_object, self._get_object),
            route("GET", "/download" + one_object, self._get_object),
            route("PATCH", one_object, self._patch_object),
            route("PUT", one_object, self._update_object),
            route("DELETE", one_object, self._delete_object),
            route("POST", one_object + "/compose", self._compose),
            route("POST", one_object + "/rewriteTo/b/{}/o/{}", self._rewrite),
            route("POST", one_object + "/copyTo/b/{}/o/{}", self._copy),
        )

    def __call__(self, request: Request) -> Response:
        """Serve a request.

        Raises:
            Refusal: What is to be answered instead.
        """
        refuse_unserved(request)
        return dispatch(self._routes, request)

    def _list_buckets(self, request: Request) -> Response:
        found = self._buckets.list(request.query.get("prefix", ""))
        items = [resources.of_bucket(bucket, request.origin) for bucket in found]
        return json_response({"kind": "storage#buckets", "items": items})

    def _insert_bucket(self, request: Request) -> Response:
        resource = request.json()
        bucket = self._buckets.insert(resource.get("name"), resource)
        return json_response(resources.of_bucket(bucket, request.origin))

    def _get_bucket(self, request: Request, name: str) -> Response:
        conditions = Conditions.of_query(request.query).reading(request.headers)
        return json_response(resources.of_bucket(self._buckets.get(name, conditions), request.origin))

    def _change_bucket(self, request: Request, name: str) -> Response:
        conditions = Conditions.of_query(request.query)
        merge = request.method == "PATCH"
        bucket = self._buckets.change(name, request.json(), conditions, merge=merge)
        return json_response(resources.of_bucket(bucket, request.origin))

    def _delete_bucket(self, request: Request, name: str) -> Response:
        self._buckets.delete(name, Conditions.of_query(request.query))
        return Response(204)

    def _list_objects(self, request: Request, bucket: str) -> Response:
        with self._objects.database.snapshot() as view:
            page = listing.page(view.rows, bucket, _listing_of(request.query))
        return json_response(resources.of_page(page, request.origin))

    def _get_object(self, request: Request, bucket: str, name: str) -> Response:
        source = _source(request, bucket, name, reading=True)
        if request.query.get("alt") == "media":
            record, view = self._objects.open(source)
            headers = [("ETag", record.etag), ("Content-Disposition", "attachment")]
            return media.respond(record, view, request.headers.get("range"), headers)
        record = self._objects.get(source)
        return json_response(resources.of_record(record, request.origin), 200, ("ETag", record.etag))

    def _patch_object(self, request: Request, bucket: str, name: str) -> Response:
        patch = request.json()
        return self._change(request, bucket, name, lambda old: attributes.patched(old, patch))

    def _update_object(self, request: Request, bucket: str, name: str) -> Response:
        said = attributes.of_resource(request.json())
        return self._change(request, bucket, name, lambda old: attributes.replaced(old, said))

    def _change(self, request: Request, bucket: str, name: str, edit: Any) -> Response:
        record = self._objects.change(_source(request, bucket, name), edit)
        return json_response(resources.of_record(record, request.origin))

    def _delete_object(self, request: Request, bucket: str, name: str) -> Response:
        self._objects.delete(_source(request, bucket, name))
        return Response(204)

    def _compose(self, request: Request, bucket: str, name: str) -> Response:
        asked = request.json()
        target = Target(bucket, name, _said(asked.get("destination")), Conditions.of_query(request.query))
        sources = [_compose_source(bucket, item) for item in asked.get("sourceObjects") or []]
        return json_response(resources.of_record(self._objects.compose(target, sources), request.origin))

    def _rewrite(self, request: Request, bucket: str, name: str, to_bucket: str, to_name: str) -> Response:
        said = _said(request.json())
        progress = self._rewriting.rewrite(
            _copy_source(request, bucket, name),
            Target(to_bucket, to_name, said, Conditions.of_query(request.query)),
            inherit=not said,
            token=request.query.get("rewriteToken") or None,
            limit=integer(request.query, "maxBytesRewrittenPerCall"),
        )
        return json_response(resources.of_progress(progress, request.origin))

    def _copy(self, request: Request, bucket: str, name: str, to_bucket: str, to_name: str) -> Response:
        said = _said(request.json())
        record = self._rewriting.copy(
            _copy_source(request, bucket, name),
            Target(to_bucket, to_name, said, Conditions.of_query(request.query)),
            inherit=not said,
        )
        return json_response(resources.of_record(record, request.origin))


def refuse_unserved(request: Request) -> None:
    """Refuse parameters whose meaning the engine would have to ignore.

    Raises:
        Refusal: 501.
    """
    query = request.query
    unserved = [name for name in _UNSERVED if query.get(name)]
    unserved += [name for name in _UNSERVED_IF_TRUE if is_true(query, name)]
    unserved += [name for name in request.headers if name.startswith("x-goog-encryption-")]
    if unserved:
        raise errors.not_implemented(", ".join(unserved))


def integer(source: Mapping[str, Any], name: str) -> int | None:
    """Return an integer parameter, or None if it is not there.

    Raises:
        Refusal: 400 if it is not an integer.
    """
    value = source.get(name)
    try:
        return None if value is None else int(value)
    except (TypeError, ValueError):
        raise errors.invalid(f"{name} is not an integer") from None


def is_true(query: Mapping[str, str], name: str) -> bool:
    """Tell whether a boolean parameter is set; clients spell it in either case."""
    return query.get(name, "").lower() == "true"


def _source(request: Request, bucket: str, name: str, *, reading: bool = False) -> Source:
    conditions = Conditions.of_query(request.query)
    if reading:
        conditions = conditions.reading(request.headers)
    return Source(bucket, name, integer(request.query, "generation"), conditions)


def _copy_source(request: Request, bucket: str, name: str) -> Source:
    conditions = Conditions.of_query(request.query, "ifSource")
    return Source(bucket, name, integer(request.query, "sourceGeneration"), conditions)


def _compose_source(bucket: str, item: Any) -> Source:
    if not isinstance(item, Mapping) or not isinstance(item.get("name"), str):
        raise errors.required("every source object needs a name")
    wanted = integer(item.get("objectPreconditions") or {}, "ifGenerationMatch")
    return Source(bucket, item["name"], integer(item, "generation"), Conditions(generation_match=wanted))


def _said(resource: Mapping[str, Any] | None) -> Attributes:
    return attributes.of_resource(resource or {})


def _listing_of(query: Mapping[str, str]) -> listing.Query:
    limit = integer(query, "maxResults")
    if limit is not None and limit < 1:
        raise errors.invalid("maxResults must be positive")
    return listing.Query(
        prefix=query.get("prefix", ""),
        delimiter=query.get("delimiter", ""),
        start=query.get("startOffset", ""),
        end=query.get("endOffset") or None,
        token=query.get("pageToken") or None,
        limit=limit or listing.PAGE_LIMIT,
        include_trailing_delimiter=is_true(query, "includeTrailingDelimiter"),
    )
