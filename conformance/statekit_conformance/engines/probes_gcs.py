"""Questions to Google Cloud Storage, asked by google-cloud-storage."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from statekit_conformance.engines import probes_gcs_conditions, probes_listing
from statekit_conformance.engines.cloud_site import Site, client_error, site
from statekit_conformance.engines.findings import Probe, nothing_lost, poll, probe, require
from statekit_conformance.engines.plain_http import hangs_up, post_form, request, tampered

_LIMIT = 10  # bytes that the signed form takes


def a_touch_changes_no_generation(site: Site) -> str:
    """PATCH of customTime on generation and metageneration; it moves forward only."""
    generation = site.put("touched", b"x")
    later = datetime.now(UTC) + timedelta(days=1)

    def touch(at: datetime, **conditions: int) -> bool:
        blob = site.blob("touched")
        blob.custom_time = at
        return site.accepted(lambda: site.call(blob.patch, **conditions))

    require(touch(later, if_generation_match=generation, if_metageneration_match=1), "a touch was refused")
    found = site.call(site.bucket.get_blob, "touched")
    require(found.generation == generation, "a touch changed the generation")
    require(found.metageneration == 2, f"a touch made the metageneration {found.metageneration}, not 2")
    require(not touch(later + timedelta(days=1), if_metageneration_match=1), "a stale touch was applied")
    return "a touch changes the metageneration alone, and a stale one is refused"


def custom_time_moves_forward_only(site: Site) -> str:
    """PATCH of an earlier customTime."""
    site.put("timed", b"x")
    for days in (2, 1):
        blob = site.blob("timed")
        blob.custom_time = datetime.now(UTC) + timedelta(days=days)
        try:
            site.call(blob.patch)
        except client_error() as error:
            require(days == 1, f"a first custom time was refused: {error}")
            return "an earlier custom time is refused"
    require(False, "an earlier custom time was taken")
    return ""


def a_range_is_what_was_asked_for(site: Site) -> str:
    """Ranges within an object, across its end and of one byte."""
    site.put("ranged", b"0123456789")
    for start, end in ((0, 0), (2, 4), (8, 99)):
        found = site.call(site.blob("ranged").download_as_bytes, start=start, end=end)
        require(found == b"0123456789"[start : end + 1], f"bytes {start} to {end} are {found!r}")
    return "a range is what was asked for, and one beyond the end is cut there"


def a_range_beyond_the_end_leaves_the_connection_open(site: Site) -> str:
    """A range beyond the end, then nothing: whoever sends the next request must not find the connection closed."""
    site.put("ended", b"x")
    url = f"{site.engine.endpoints['gcs']}/{site.bucket.name}/ended"
    require(request("GET", url, headers={"Range": "bytes=5-6"})[0] == 416, "a range beyond the end is not refused")
    closed = hangs_up(url, {"Range": "bytes=5-6"})
    require(not closed, "after the answer to a range beyond the end the connection is closed unsaid")
    return "the answer to a range beyond the end leaves the connection open"


def generations_never_repeat(site: Site) -> str:
    """Overwrites, deletes and creations of one key, and a restart."""
    seen = []
    for n in range(30):
        seen.append(site.put("again", b"%d" % n))
        if n % 3 == 0:
            site.call(site.blob("again").delete)
        if n == 15:
            site.engine.restart()
            site.make_bucket()
    require(len(set(seen)) == len(seen), f"{len(seen) - len(set(seen))} of {len(seen)} generations came twice")
    require(seen == sorted(seen), "a later generation is a smaller number")
    return f"{len(seen)} generations of one key, over deletes and a restart, all grow"


def a_wrong_checksum_is_refused(site: Site) -> str:
    """CRC32C and MD5 of other data, declared with an upload."""
    for name, value in (("crc32c", "AAAAAA=="), ("md5_hash", "AAAAAAAAAAAAAAAAAAAAAA==")):
        blob = site.blob("checked")
        setattr(blob, name, value)
        try:
            site.call(blob.upload_from_string, b"data", checksum=None)
        except client_error() as error:
            require(error.code == 400, f"a wrong {name} was answered with {error.code}")
        else:
            require(False, f"a wrong {name} was accepted")
        require(site.get("checked") is None, f"an object with a wrong {name} was stored")
    return "an upload with a wrong CRC32C or MD5 is refused, and nothing is stored"


def one_answer_has_data_and_metadata(site: Site) -> str:
    """The XML API's GET."""
    blob = site.blob("both")
    blob.metadata = {"w": "1"}
    site.call(blob.upload_from_string, b"data", checksum=None)
    url = f"{site.engine.endpoints['gcs']}/{site.bucket.name}/both"
    status, body, headers = request("GET", url)
    require((status, body) == (200, b"data"), f"it was answered with {status}")
    found = (headers["x-goog-generation"], headers["x-goog-meta-w"])
    require(found == (str(blob.generation), "1"), f"generation and metadata in the answer are {found}")
    return "an XML GET answers with data, generation and metadata at once"


def calls_in_one_request_are_answered_each(site: Site) -> str:
    """Deletes in a batch: of two objects, and of one that is not there."""
    for name in ("a", "b"):
        site.put(f"batch/{name}", b"x")
    with site.client.batch(raise_exception=False) as batch:
        for name in ("a", "missing", "b"):
            site.call(site.blob(f"batch/{name}").delete)
    answered = [answer.status_code for answer in batch._responses]  # noqa: SLF001 - they are shown nowhere else
    require(answered == [204, 404, 204], f"three deletes in one request were answered with {answered}")
    require(site.keys("batch/") == [], "objects that a batch deleted are still there")
    return "three deletes in one request are each answered as they would be alone"


def records_of_any_name_exist_side_by_side(site: Site) -> str:
    """Keys that go on where others end, and long ones: records have keys like objects."""
    names = [f"records/{name}" for name in ("a", "a/b", "a/b/c", "r" * 255, "/".join(["w" * 199] * 4))]
    for name in names:
        site.put(name, name.encode())
    missing = [name for name in names if site.get(name) != name.encode()]
    require(not missing, f"not read back: {missing}")
    require(site.keys("records/") == sorted(names), "some of them are not listed")
    return f"{len(names)} objects whose names begin alike are all there"


def signed_urls_are_verified(site: Site) -> str:
    """Signed GET: as signed, with another signature, for another key, and expired."""
    site.put("signed", b"content")
    url = site.sign("signed", "GET")
    require(request("GET", url)[:2] == (200, b"content"), "a signed GET was not answered with the object")
    for what, wrong in _spoilt(url, "signed").items():
        answer = request("GET", wrong)[0]
        require(answer in (400, 401, 403), f"a GET with {what} was answered with {answer}")
    brief = site.sign("signed", "GET", seconds=1)
    poll(lambda: request("GET", brief)[0] in (400, 401, 403), "a GET signed for 1 s is still answered")
    return "a signed GET is answered; tampered with, for another key or expired it is refused"


def signed_puts_are_bound_to_what_was_signed(site: Site) -> str:
    """Signed PUT with a content type and a condition: as signed, and not."""
    headers = {"Content-Type": "text/x", "x-goog-if-generation-match": "0"}
    url = site.sign("put", "PUT", headers=headers)
    for what, wrong in _spoilt(url, "put").items():
        require(request("PUT", wrong, b"x", headers)[0] in (400, 401, 403), f"a PUT with {what} was taken")
    other = request("PUT", url, b"x", {**headers, "Content-Type": "text/html"})[0]
    require(other in (400, 403), f"a PUT of another content type was answered with {other}")
    require(site.get("put") is None, "a refused PUT was stored")
    require(request("PUT", url, b"x", headers)[0] == 200, "a PUT as it was signed was refused")
    require(request("PUT", url, b"y", headers)[0] == 412, "a PUT if absent of an existing key was taken")
    return "a signed PUT is taken as signed; tampered with, of another type or key it is refused"


def signed_forms_are_enforced(site: Site) -> str:
    """Signed POST: size, type, key and policy."""
    url, fields = site.sign_form("form/a", {"Content-Type": "text/x"}, [["content-length-range", 1, _LIMIT]])
    spoilt = {
        "a byte too many": (fields, b"x" * (_LIMIT + 1)),
        "too few bytes": (fields, b""),
        "another type": ({**fields, "Content-Type": "text/html"}, b"x"),
        "another key": ({**fields, "key": "elsewhere"}, b"x"),
        "another signature": ({**fields, "x-goog-signature": "00" * 256}, b"x"),
    }
    for what, (wrong, data) in spoilt.items():
        answer = post_form(url, wrong, data)
        require(answer in (400, 403), f"a form with {what} was answered with {answer}")
    require(site.get("form/a") is None, "a refused form was stored")
    answer = post_form(url, fields, b"x" * _LIMIT)
    require(answer in (200, 201, 204), f"a form as it was signed was answered with {answer}")
    require(site.get("form/a") == b"x" * _LIMIT, "a form that was taken is not stored as sent")
    return "a signed form is taken as signed; of another size, type, key or signature it is refused"


def forms_have_no_other_fields(site: Site) -> str:
    """Signed POST with one field more."""
    url, fields = site.sign_form("form/more", {}, [["content-length-range", 1, _LIMIT]])
    answer = post_form(url, {**fields, "Cache-Control": "no-store"}, b"x")
    require(answer in (400, 403), f"a form with a field that was not signed was answered with {answer}")
    return "a form with a field that was not signed is refused"


def acknowledged_writes_survive_a_kill(site: Site) -> str:
    """SIGKILL under load."""

    def write(key: str, n: int) -> None:
        site.put(key, b"%d" % n)

    return nothing_lost(site.engine, write, site.number, stem="durable")


def _spoilt(url: str, key: str) -> dict[str, str]:
    return {"another signature": tampered(url), "another key": url.replace(f"/{key}?", f"/{key}-2?")}


PROBES: tuple[Probe[Site], ...] = (
    *probes_gcs_conditions.PROBES,
    probe("records.touch", a_touch_changes_no_generation),
    probe("records.custom_time", custom_time_moves_forward_only),
    probe("records.one_read", one_answer_has_data_and_metadata),
    probe("records.keys", records_of_any_name_exist_side_by_side),
    probe("objects.ranges", a_range_is_what_was_asked_for),
    probe("objects.range_beyond", a_range_beyond_the_end_leaves_the_connection_open),
    probe("objects.versions_never_recur", generations_never_repeat),
    probe("objects.checksums objects.damage", a_wrong_checksum_is_refused),
    probe("objects.batch", calls_in_one_request_are_answered_each),
    *probes_listing.PROBES,
    probe("objects.signatures", signed_urls_are_verified),
    probe("objects.signed_put", signed_puts_are_bound_to_what_was_signed),
    probe("objects.signed_post", signed_forms_are_enforced),
    probe("objects.signed_fields", forms_have_no_other_fields),
    probe("durable", acknowledged_writes_survive_a_kill),
)

__all__ = ["PROBES", "Site", "site"]
