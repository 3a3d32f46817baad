"""Questions to Google Cloud Storage, asked by google-cloud-storage."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from statekit_conformance.engines import probes_listing
from statekit_conformance.engines.cloud_site import Site, client_error, site
from statekit_conformance.engines.findings import Probe, nothing_lost, one_winner, poll, probe, require
from statekit_conformance.engines.plain_http import post_form, request, tampered

_LIMIT = 10  # bytes that the signed form takes
_STEP = 256 * 1024  # bytes, the unit of a resumable upload


def uploads_if_generation_matches_have_one_winner(site: Site) -> str:
    """Sixteen uploads on one generation."""

    def prepare(n: int) -> tuple[str, int]:
        return f"swap-{n}", site.put(f"swap-{n}", b"-1")

    def swap(token: tuple[str, int], n: int) -> bool:
        return site.accepted(lambda: site.put(token[0], b"%d" % n, if_generation_match=token[1]))

    return one_winner(prepare, swap, lambda token: site.number(token[0]))


def uploads_if_absent_have_one_winner(site: Site) -> str:
    """Sixteen uploads of one key that is not there."""

    def create(key: str, n: int) -> bool:
        return site.accepted(lambda: site.put(key, b"%d" % n, if_generation_match=0))

    return one_winner("create-{}".format, create, site.number)


def a_delete_of_a_stale_generation_is_refused(site: Site) -> str:
    """Conditions by ifGenerationMatch on delete, stale and current."""
    stale, current = site.put("remove", b"1"), site.put("remove", b"2")

    def delete(generation: int) -> bool:
        return site.accepted(lambda: site.call(site.blob("remove").delete, if_generation_match=generation))

    require(not delete(stale), "a delete of a stale generation was applied")
    require(site.get("remove") == b"2", "a refused delete removed the object")
    require(delete(current), "a delete of the current generation was refused")
    require(site.get("remove") is None, "an acknowledged delete left the object")
    return "a delete that matches a stale generation is refused"


def a_resumable_upload_respects_its_condition(site: Site) -> str:
    """Conditions by ifGenerationMatch on an upload in several requests."""
    stale = site.put("resumed", b"1")
    current = site.put("resumed", b"2")
    data = b"x" * (_STEP * 2 + 1)

    def upload(generation: int) -> bool:
        return site.accepted(lambda: site.resumable("resumed", data, if_generation_match=generation))

    require(not upload(stale), "a resumable upload on a stale generation was applied")
    require(not upload(0), "a resumable upload of an existing key was applied, though asked not to be")
    require(site.get("resumed") == b"2", "a refused resumable upload changed the object")
    require(upload(current), "a resumable upload on the current generation was refused")
    require(site.get("resumed") == data, "a resumable upload did not arrive as sent")
    return "a resumable upload on a stale generation or an existing key is refused"


def a_rewrite_respects_both_ends(site: Site) -> str:
    """Conditions by ifGenerationMatch and ifSourceGenerationMatch on rewrite."""
    old, new = site.put("from", b"old"), site.put("from", b"new")
    stale, current = site.put("to", b"1"), site.put("to", b"2")

    def rewrites(destination: int, source: int) -> bool:
        conditions = {"if_generation_match": destination, "if_source_generation_match": source}
        return site.accepted(lambda: site.call(site.blob("to").rewrite, site.blob("from"), **conditions))

    require(not rewrites(stale, new), "a rewrite onto a stale generation was applied")
    require(not rewrites(0, new), "a rewrite onto an existing key was applied, though asked not to be")
    require(not rewrites(current, old), "a rewrite of a stale source generation was applied")
    require(site.get("to") == b"2", "a refused rewrite changed its destination")
    require(rewrites(current, new), "a rewrite between current generations was refused")
    require(site.get("to") == b"new", "a rewrite has other content than its source")
    return "a rewrite is refused if either end's generation is stale"


def a_composition_respects_its_condition(site: Site) -> str:
    """Conditions by ifGenerationMatch on compose."""
    site.put("part-1", b"one")
    site.put("part-2", b"two")
    stale, current = site.put("whole", b"1"), site.put("whole", b"2")

    def composes(generation: int) -> bool:
        parts = [site.blob("part-1"), site.blob("part-2")]
        return site.accepted(lambda: site.call(site.blob("whole").compose, parts, if_generation_match=generation))

    require(not composes(stale), "a composition onto a stale generation was applied")
    require(not composes(0), "a composition onto an existing key was applied, though asked not to be")
    require(site.get("whole") == b"2", "a refused composition changed its destination")
    require(composes(current), "a composition onto the current generation was refused")
    require(site.get("whole") == b"onetwo", "a composition is not the sum of its parts")
    return "a composition onto a stale generation or an existing key is refused"


def compositions_if_absent_have_one_winner(site: Site) -> str:
    """Sixteen compositions of one key."""
    for n in range(16):
        site.put(f"number-{n}", b"%d" % n)

    def compose(key: str, n: int) -> bool:
        parts = [site.blob(f"number-{n}")]
        return site.accepted(lambda: site.call(site.blob(key).compose, parts, if_generation_match=0))

    return one_winner("composed-{}".format, compose, site.number)


def a_read_can_be_pinned(site: Site) -> str:
    """Conditions by ifGenerationMatch on reads, whole and in ranges."""
    stale, current = site.put("read", b"0123456789"), site.put("read", b"abcdefghij")

    def read(generation: int, **limits: int) -> Callable[[], Any]:
        download = site.blob("read").download_as_bytes
        return lambda: site.call(download, if_generation_match=generation, **limits)

    require(not site.accepted(read(stale)), "a read of a stale generation was answered")
    require(not site.accepted(read(stale, start=2, end=4)), "a range of a stale generation was answered")
    require(read(current, start=2, end=4)() == b"cde", "a range is not what was asked for")
    return "a read that pins a stale generation is refused, in ranges too"


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
    probe("records.cas objects.if_match", uploads_if_generation_matches_have_one_winner),
    probe("records.create_once objects.if_absent", uploads_if_absent_have_one_winner),
    probe("records.delete_conditional objects.delete_conditional", a_delete_of_a_stale_generation_is_refused),
    probe("objects.resumable_conditional", a_resumable_upload_respects_its_condition),
    probe("objects.copy_conditional objects.copy_pinned", a_rewrite_respects_both_ends),
    probe("objects.multipart_conditional", a_composition_respects_its_condition),
    probe("objects.multipart_atomic", compositions_if_absent_have_one_winner),
    probe("objects.read_pinned objects.ranges", a_read_can_be_pinned),
    probe("records.touch", a_touch_changes_no_generation),
    probe("records.custom_time", custom_time_moves_forward_only),
    probe("objects.versions_never_recur", generations_never_repeat),
    probe("objects.checksums", a_wrong_checksum_is_refused),
    probe("records.one_read", one_answer_has_data_and_metadata),
    *probes_listing.PROBES,
    probe("objects.signatures", signed_urls_are_verified),
    probe("objects.signed_put", signed_puts_are_bound_to_what_was_signed),
    probe("objects.signed_post", signed_forms_are_enforced),
    probe("objects.signed_fields", forms_have_no_other_fields),
    probe("durable", acknowledged_writes_survive_a_kill),
)

__all__ = ["PROBES", "Site", "site"]
