"""What a client may say about an object: content headers, custom metadata, custom time, storage class.

Attributes are a plain dictionary in the JSON API's spelling, holding only what was said.
"""

from collections.abc import Mapping
from typing import Any

from statekit_conformance.engines.gcs import errors, moments

Attributes = dict[str, Any]

CONTENT_HEADERS = {
    "contentType": "content-type",
    "cacheControl": "cache-control",
    "contentDisposition": "content-disposition",
    "contentEncoding": "content-encoding",
    "contentLanguage": "content-language",
}
_WRITABLE = frozenset(CONTENT_HEADERS) | {"metadata", "customTime", "storageClass"}
_UNSERVED = {"temporaryHold", "eventBasedHold", "retention"}
_METADATA_LIMIT = 8 * 1024
_META = "x-goog-meta-"


def of_resource(resource: Mapping[str, Any]) -> Attributes:
    """Take the client's attributes from a JSON resource; what the service sets is ignored, as it ignores it.

    Raises:
        Refusal: 400 if an attribute is malformed, 501 for holds and retention.
    """
    for name in _UNSERVED & resource.keys():
        if resource[name]:
            raise errors.not_implemented(name)
    return _checked({name: value for name, value in resource.items() if name in _WRITABLE and value is not None})


def of_headers(headers: Mapping[str, str]) -> Attributes:
    """Take the client's attributes from an XML API request, or from the fields of a form.

    Raises:
        Refusal: 400 if an attribute is malformed.
    """
    said: Attributes = {name: headers[header] for name, header in CONTENT_HEADERS.items() if header in headers}
    metadata = {name[len(_META) :]: text for name, text in headers.items() if name.startswith(_META)}
    if metadata:
        said["metadata"] = metadata
    if "x-goog-custom-time" in headers:
        said["customTime"] = headers["x-goog-custom-time"]
    if "x-goog-storage-class" in headers:
        said["storageClass"] = headers["x-goog-storage-class"]
    return _checked(said)


def to_headers(attributes: Attributes) -> list[tuple[str, str]]:
    """Spell custom metadata and custom time as the XML API's response headers."""
    spelled = [(_META + name, text) for name, text in attributes.get("metadata", {}).items()]
    if "customTime" in attributes:
        spelled.append(("x-goog-custom-time", attributes["customTime"]))
    return spelled


def patched(attributes: Attributes, patch: Mapping[str, Any]) -> Attributes:
    """Merge a patch: null removes, ``metadata`` merges key by key.

    Raises:
        Refusal: 400 if an attribute is malformed or the custom time would move backwards.
    """
    changes = {name: value for name, value in patch.items() if name in _WRITABLE}
    if isinstance(changes.get("metadata"), Mapping):
        changes["metadata"] = _without_nulls({**attributes.get("metadata", {}), **changes["metadata"]})
    return replaced(attributes, of_resource({**attributes, **changes}))


def replaced(attributes: Attributes, successor: Attributes) -> Attributes:
    """Return the successor of an object's attributes within one generation.

    Raises:
        Refusal: 400 if the custom time would be removed or move backwards.
    """
    before, after = attributes.get("customTime"), successor.get("customTime")
    if before is not None and after is None:
        raise errors.invalid("a custom time cannot be removed once it is set")
    if before is not None and moments.parse_rfc3339(str(after)) < moments.parse_rfc3339(before):
        raise errors.invalid("a custom time cannot be set to an earlier one")
    return successor


def _checked(said: Attributes) -> Attributes:
    metadata = said.get("metadata", {})
    if not isinstance(metadata, Mapping) or not all(isinstance(text, str) for text in metadata.values()):
        raise errors.invalid("metadata must map text to text")
    if sum(len(name.encode()) + len(text.encode()) for name, text in metadata.items()) > _METADATA_LIMIT:
        raise errors.invalid(f"custom metadata is larger than {_METADATA_LIMIT} bytes")
    if not all(isinstance(value, str) for name, value in said.items() if name != "metadata"):
        raise errors.invalid("an attribute is not text")
    if "customTime" in said:
        said["customTime"] = _normal_time(said["customTime"])
    if not metadata:
        said.pop("metadata", None)
    return said


def _normal_time(text: str) -> str:
    try:
        return moments.rfc3339(moments.parse_rfc3339(text))
    except ValueError as error:
        raise errors.invalid(str(error)) from None


def _without_nulls(mapping: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in mapping.items() if value is not None}
