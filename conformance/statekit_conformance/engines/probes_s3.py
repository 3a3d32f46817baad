"""Questions to S3: about single objects, listings, signatures, and last about its death."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from statekit_conformance.engines import probes_listing, probes_s3_objects, probes_s3_parts
from statekit_conformance.engines.findings import Probe, nothing_lost, poll, probe, require
from statekit_conformance.engines.plain_http import post_form, request, tampered
from statekit_conformance.engines.s3_site import BUCKET, Site, site

_LIMIT = 10  # bytes that the signed form takes


def signed_urls_are_verified(site: Site) -> str:
    """Presigned GET: as signed, with another signature, for another key, without any."""
    site.put("signed", b"content")
    url = _sign(site, "get_object", "signed")
    require(request("GET", url)[:2] == (200, b"content"), "a signed GET was not answered with the object")
    for what, wrong in _spoilt(url, "signed").items():
        answer = request("GET", wrong)[0]
        require(answer in (400, 401, 403), f"a GET with {what} was answered with {answer}")
    return "a signed GET is answered; tampered with, for another key or unsigned it is refused"


def signed_urls_expire(site: Site) -> str:
    """Presigned GET for one second."""
    site.put("signed", b"content")
    url = _sign(site, "get_object", "signed", expires=1)
    poll(lambda: request("GET", url)[0] in (400, 401, 403), "a GET signed for 1 s is still answered")
    return "a GET that was signed for one second is refused soon after"


def signed_puts_are_bound_to_what_was_signed(site: Site) -> str:
    """Presigned PUT with a content type and if-none-match: as signed, and not."""
    headers = {"Content-Type": "text/x", "If-None-Match": "*"}
    url = _sign(site, "put_object", "put", ContentType="text/x", IfNoneMatch="*")
    for what, wrong in _spoilt(url, "put").items():
        require(request("PUT", wrong, b"x", headers)[0] in (400, 401, 403), f"a PUT with {what} was taken")
    other = request("PUT", url, b"x", {**headers, "Content-Type": "text/html"})[0]
    require(other in (400, 403), f"a PUT of another content type was answered with {other}")
    require(site.get("put") is None, "a refused PUT was stored")
    require(request("PUT", url, b"x", headers)[0] == 200, "a PUT as it was signed was refused")
    require(request("PUT", url, b"y", headers)[0] in (409, 412), "a PUT if absent of an existing key was taken")
    return "a signed PUT is taken as signed; tampered with, of another type or key it is refused"


def signed_forms_are_enforced(site: Site) -> str:
    """Presigned POST: size, type, key and policy."""
    form = site.client.generate_presigned_post(
        BUCKET,
        "form/${filename}",
        Fields={"Content-Type": "text/x"},
        Conditions=[
            ["starts-with", "$key", "form/"],
            {"Content-Type": "text/x"},
            ["content-length-range", 1, _LIMIT],
        ],
    )
    fields = {**form["fields"], "key": "form/a"}
    spoilt: dict[str, tuple[Mapping[str, str], bytes]] = {
        "a byte too many": (fields, b"x" * (_LIMIT + 1)),
        "too few bytes": (fields, b""),
        "another type": ({**fields, "Content-Type": "text/html"}, b"x"),
        "another key": ({**fields, "key": "elsewhere"}, b"x"),
        "another signature": ({**fields, "x-amz-signature": "0" * 64}, b"x"),
    }
    for what, (wrong, data) in spoilt.items():
        answer = post_form(form["url"], wrong, data)
        require(answer in (400, 403), f"a form with {what} was answered with {answer}")
    require(site.keys("form/") == [], "a refused form was stored")
    answer = post_form(form["url"], fields, b"x" * _LIMIT)
    require(answer in (200, 201, 204), f"a form as it was signed was answered with {answer}")
    require(site.get("form/a") == b"x" * _LIMIT, "a form that was taken is not stored as sent")
    return "a signed form is taken as signed; of another size, type, key or signature it is refused"


def forms_have_no_other_fields(site: Site) -> str:
    """Presigned POST with one field more: S3 refuses it as extra input."""
    form = site.client.generate_presigned_post(BUCKET, "form/more", Conditions=[["content-length-range", 1, _LIMIT]])
    fields = {**form["fields"], "Cache-Control": "no-store"}
    answer = post_form(form["url"], fields, b"x")
    require(answer in (400, 403), f"a form with a field that was not signed was answered with {answer}")
    return "a form with a field that was not signed is refused"


def acknowledged_writes_survive_a_kill(site: Site) -> str:
    """SIGKILL under load."""

    def write(key: str, n: int) -> None:
        site.put(key, b"%d" % n)

    return nothing_lost(site.engine, write, site.number, stem="durable")


def _sign(site: Site, method: str, key: str, expires: int = 300, **parameters: Any) -> str:
    wanted = {"Bucket": BUCKET, "Key": key, **parameters}
    return str(site.client.generate_presigned_url(method, Params=wanted, ExpiresIn=expires))


def _spoilt(url: str, key: str) -> dict[str, str]:
    return {
        "another signature": tampered(url),
        "another key": url.replace(f"/{key}?", f"/{key}-2?"),
        "no signature": url.partition("?")[0],
    }


PROBES: tuple[Probe[Site], ...] = (
    *probes_s3_objects.PROBES,
    *probes_s3_parts.PROBES,
    *probes_listing.PROBES,
    probe("objects.signatures", signed_urls_are_verified),
    probe("objects.signatures", signed_urls_expire),
    probe("objects.signed_put", signed_puts_are_bound_to_what_was_signed),
    probe("objects.signed_post", signed_forms_are_enforced),
    probe("objects.signed_fields", forms_have_no_other_fields),
    probe("durable", acknowledged_writes_survive_a_kill),
)

__all__ = ["PROBES", "Site", "site"]
