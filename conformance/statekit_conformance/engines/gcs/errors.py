"""Refusals: why a request is not served, in Google's JSON shape and in its XML shape.

Every refusal in the engine is one exception, raised where the reason is known and rendered once, at the edge.
The words are this engine's own; status, JSON ``reason`` and XML ``Code`` follow the public API references.
"""

import json
from xml.etree import ElementTree as ET


class Refusal(Exception):  # noqa: N818 - a refusal is the engine's answer, not its error
    """A request that is answered with an error (or with 304).

    Attributes:
        status: The HTTP status.
        reason: The JSON API's machine-readable reason.
        code: The XML API's error code.
        message: What went wrong, for people.
        details: More elements of the XML answer, by name.
    """

    def __init__(self, status: int, reason: str, code: str, message: str, **details: str) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.code = code
        self.message = message
        self.details = details

    def as_json(self) -> bytes:
        """Render the JSON API's error object."""
        domain = "usageLimits" if self.status == 429 else "global"
        error = {"message": self.message, "domain": domain, "reason": self.reason}
        return json.dumps({"error": {"code": self.status, "message": self.message, "errors": [error]}}).encode()

    def as_xml(self) -> bytes:
        """Render the XML API's error document."""
        root = ET.Element("Error")
        for name, text in {"Code": self.code, "Message": self.message, **self.details}.items():
            ET.SubElement(root, name).text = text
        return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True))


def invalid(message: str) -> Refusal:
    """The request is malformed or asks for what cannot be."""
    return Refusal(400, "invalid", "InvalidArgument", message)


def required(message: str) -> Refusal:
    """Something that the request must carry is missing."""
    return Refusal(400, "required", "InvalidArgument", message)


def not_implemented(message: str) -> Refusal:
    """The real service can do this and the test engine cannot; saying so beats ignoring it."""
    return Refusal(501, "notImplemented", "NotImplemented", f"the test engine does not implement {message}")


def unauthorized(message: str) -> Refusal:
    """No credentials, or not the ones that the engine was started with."""
    return Refusal(401, "authError", "AuthenticationRequired", message)


def denied(message: str, **details: str) -> Refusal:
    """The credentials do not permit this."""
    return Refusal(403, "forbidden", "AccessDenied", message, **details)


def no_route(method: str, path: str) -> Refusal:
    """Nothing is served at this method and path."""
    return Refusal(404, "notFound", "NotFound", f"nothing is served at {method} {path}")


def no_bucket(bucket: str) -> Refusal:
    """The bucket does not exist."""
    return Refusal(404, "notFound", "NoSuchBucket", f"bucket {bucket} does not exist")


def no_object(bucket: str, name: str) -> Refusal:
    """The object, or the generation asked for, does not exist."""
    return Refusal(404, "notFound", "NoSuchKey", f"no such object: {bucket}/{name}")


def conflict(message: str, *, code: str) -> Refusal:
    """The bucket is in a state that forbids this."""
    return Refusal(409, "conflict", code, message)


def precondition_failed(condition: str) -> Refusal:
    """A condition of the request does not hold."""
    return Refusal(412, "conditionNotMet", "PreconditionFailed", f"precondition {condition} does not hold")


def not_modified(condition: str) -> Refusal:
    """A negative condition of the request does not hold."""
    return Refusal(304, "notModified", "NotModified", f"precondition {condition} does not hold")


def checksum_mismatch(kind: str, given: str, computed: str) -> Refusal:
    """The bytes received are not those that the client meant."""
    code = "CrcMismatch" if kind == "crc32c" else "BadDigest"
    return Refusal(400, "invalid", code, f"{kind} given is {given}, {kind} of the data is {computed}")


def too_fast(bucket: str, name: str) -> Refusal:
    """The object was changed less than a second ago and the engine was told to mind."""
    message = f"object {bucket}/{name} was changed less than a second ago; slow down"
    return Refusal(429, "rateLimitExceeded", "SlowDown", message)


def incomplete_body() -> Refusal:
    """The connection ended before the announced body did."""
    return Refusal(400, "invalid", "IncompleteBody", "the request ended before its body was complete")


def too_large(limit: int) -> Refusal:
    """The upload is larger than a signature or policy allows."""
    return Refusal(400, "invalid", "EntityTooLarge", "the upload is too large", MaxSizeAllowed=str(limit))


def too_small(limit: int) -> Refusal:
    """The upload is smaller than a signature or policy allows."""
    return Refusal(400, "invalid", "EntityTooSmall", "the upload is too small", MinSizeAllowed=str(limit))


def failed() -> Refusal:
    """The engine has a defect."""
    return Refusal(500, "backendError", "InternalError", "the test engine failed; its log says why")


def unsatisfiable_range(size: int) -> Refusal:
    """The range begins past the end of the object."""
    return Refusal(
        416,
        "requestedRangeNotSatisfiable",
        "InvalidRange",
        "the requested range cannot be satisfied",
        ActualObjectSize=str(size),
    )
