"""Questions to Google Cloud Storage about its conditions on generations, asked by google-cloud-storage."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from statekit_conformance.engines.cloud_site import Site
from statekit_conformance.engines.findings import Probe, one_winner, probe, require

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
    """Conditions by ifGenerationMatch on reads, whole and of a range."""
    stale, current = site.put("read", b"0123456789"), site.put("read", b"abcdefghij")

    def read(generation: int, **limits: int) -> Callable[[], Any]:
        download = site.blob("read").download_as_bytes
        return lambda: site.call(download, if_generation_match=generation, **limits)

    require(not site.accepted(read(stale)), "a read of a stale generation was answered")
    require(not site.accepted(read(stale, start=2, end=4)), "a range of a stale generation was answered")
    require(read(current, start=2, end=4)() == b"cde", "a pinned range is not what was asked for")
    return "a read that pins a stale generation is refused, in ranges too"


PROBES: tuple[Probe[Site], ...] = (
    probe("records.cas objects.if_match", uploads_if_generation_matches_have_one_winner),
    probe("records.create_once objects.if_absent", uploads_if_absent_have_one_winner),
    probe("records.delete_conditional objects.delete_conditional", a_delete_of_a_stale_generation_is_refused),
    probe("objects.resumable_conditional", a_resumable_upload_respects_its_condition),
    probe("objects.copy_conditional objects.copy_pinned", a_rewrite_respects_both_ends),
    probe("objects.multipart_conditional", a_composition_respects_its_condition),
    probe("objects.multipart_atomic", compositions_if_absent_have_one_winner),
    probe("objects.read_pinned", a_read_can_be_pinned),
)
