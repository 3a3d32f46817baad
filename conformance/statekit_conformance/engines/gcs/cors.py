"""CORS: what a browser on another origin may do, as a bucket's own rules say.

The XML API answers by the bucket's ``cors`` list. The JSON API lets every origin in, as the real one does,
because its requests carry their own authorization.
"""

from collections.abc import Mapping, Sequence
from typing import Any

Headers = list[tuple[str, str]]

_JSON_METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"


def preflight(rules: Sequence[Mapping[str, Any]], headers: Mapping[str, str]) -> Headers:
    """Answer a preflight; no headers means that the browser will not send the request."""
    origin, method = headers.get("origin", ""), headers.get("access-control-request-method", "")
    rule = _fitting(rules, origin, method)
    if rule is None:
        return []
    allowed = {name.lower() for name in rule.get("responseHeader", [])}
    wanted = [name.strip() for name in headers.get("access-control-request-headers", "").split(",") if name.strip()]
    if not all("*" in allowed or _allows(allowed, name.lower()) for name in wanted):
        return []
    answer = [("Access-Control-Allow-Methods", ", ".join(rule.get("method", [])))]
    if wanted:
        answer.append(("Access-Control-Allow-Headers", ", ".join(wanted)))
    if "maxAgeSeconds" in rule:
        answer.append(("Access-Control-Max-Age", str(rule["maxAgeSeconds"])))
    return _origin(rule, origin) + answer


def exposed(rules: Sequence[Mapping[str, Any]], headers: Mapping[str, str], method: str) -> Headers:
    """Return the headers that let a script on the request's origin read the answer."""
    origin = headers.get("origin", "")
    rule = _fitting(rules, origin, method)
    if rule is None:
        return []
    names = ", ".join(rule.get("responseHeader", []))
    return _origin(rule, origin) + ([("Access-Control-Expose-Headers", names)] if names else [])


def open_preflight(headers: Mapping[str, str]) -> Headers:
    """Answer a preflight of the JSON API."""
    return [
        *open_exposed(headers),
        ("Access-Control-Allow-Methods", _JSON_METHODS),
        ("Access-Control-Allow-Headers", headers.get("access-control-request-headers", "")),
        ("Access-Control-Max-Age", "3600"),
    ]


def open_exposed(headers: Mapping[str, str]) -> Headers:
    """Return the headers that let a script on any origin read an answer of the JSON API."""
    if "origin" not in headers:
        return []
    exposed_names = "Content-Length, Content-Range, ETag, Location, Range, X-GUploader-UploadID"
    return [
        ("Access-Control-Allow-Origin", headers["origin"]),
        ("Vary", "Origin"),
        ("Access-Control-Expose-Headers", exposed_names),
    ]


def _fitting(rules: Sequence[Mapping[str, Any]], origin: str, method: str) -> Mapping[str, Any] | None:
    """Return the first rule for an origin and method."""
    for rule in rules:
        origins, methods = rule.get("origin", []), rule.get("method", [])
        if origin and ("*" in origins or origin in origins) and ("*" in methods or method in methods):
            return rule
    return None


def _allows(allowed: set[str], name: str) -> bool:
    """Tell whether a header is allowed, by its name or by a prefix such as ``x-goog-meta-*``."""
    return name in allowed or any(entry.endswith("*") and name.startswith(entry[:-1]) for entry in allowed)


def _origin(rule: Mapping[str, Any], origin: str) -> Headers:
    anyone = "*" in rule.get("origin", [])
    return [("Access-Control-Allow-Origin", "*" if anyone else origin), ("Vary", "Origin")]
