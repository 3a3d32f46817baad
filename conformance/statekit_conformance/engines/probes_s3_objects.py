"""Questions to S3 about single objects and the conditions on them, asked by boto3."""

from __future__ import annotations

import base64
from typing import Any

from statekit_conformance.engines.findings import WRITERS, Probe, one_winner, probe, race, require
from statekit_conformance.engines.s3_site import BUCKET, Site, status


def puts_if_match_have_one_winner(site: Site) -> str:
    """Sixteen puts on one version."""

    def prepare(n: int) -> tuple[str, str]:
        return f"swap-{n}", site.put(f"swap-{n}", b"-1")

    def swap(token: tuple[str, str], n: int) -> bool:
        key, version = token
        return site.accepted(site.client.put_object, Key=key, Body=b"%d" % n, IfMatch=version)

    return one_winner(prepare, swap, lambda token: site.number(token[0]))


def puts_if_absent_have_one_winner(site: Site) -> str:
    """Sixteen puts of one key that is not there."""

    def create(key: str, n: int) -> bool:
        return site.accepted(site.client.put_object, Key=key, Body=b"%d" % n, IfNoneMatch="*")

    return one_winner("create-{}".format, create, site.number)


def a_put_on_a_stale_version_or_a_missing_key_is_refused(site: Site) -> str:
    """IfMatch of a version that was overwritten, and of a key that is gone."""
    stale = site.put("stale", b"1")
    site.put("stale", b"2")
    put = site.client.put_object
    require(not site.accepted(put, Key="stale", Body=b"3", IfMatch=stale), "a put on a stale version was applied")
    require(not site.accepted(put, Key="missing", Body=b"3", IfMatch=stale), "a put on a missing key was applied")
    require((site.get("stale"), site.get("missing")) == (b"2", None), "a refused put changed something")
    return "a put that matches a stale version or a missing key is refused"


def a_delete_of_a_stale_version_is_refused(site: Site) -> str:
    """IfMatch on delete, stale and current; then deletes against puts on one version."""
    stale, delete = site.put("remove", b"1"), site.client.delete_object
    current = site.put("remove", b"2")
    require(not site.accepted(delete, Key="remove", IfMatch=stale), "a delete of a stale version was applied")
    require(site.get("remove") == b"2", "a refused delete removed the object")
    require(site.accepted(delete, Key="remove", IfMatch=current), "a delete of the current version was refused")
    require(site.get("remove") is None, "an acknowledged delete left the object")
    return "a delete that matches a stale version is refused"


def deletes_and_puts_on_one_version_have_one_winner(site: Site) -> str:
    """Eight deletes against eight puts."""
    for n in range(2):
        key, version = f"race-{n}", site.put(f"race-{n}", b"-1")

        def attempt(number: int, key: str = key, version: str = version) -> bool:
            if number % 2:
                return site.accepted(site.client.delete_object, Key=key, IfMatch=version)
            return site.accepted(site.client.put_object, Key=key, Body=b"%d" % number, IfMatch=version)

        # A delete of what is gone by now may be called a success: only one that removed something has won.
        winners = race(attempt)
        puts = [number for number in winners if number % 2 == 0]
        require(len(puts) < 2 and winners, f"{len(puts)} puts and {len(winners) - len(puts)} deletes won")
        require(not (puts and len(winners) > 1), f"put {puts} won beside {len(winners) - 1} deletes")
        require(site.number(key) == (puts[0] if puts else None), f"{winners} won, {site.number(key)} is stored")
    return "either one put or the deletes won, in each of 2 rounds"


def a_copy_respects_its_destination(site: Site) -> str:
    """IfMatch and IfNoneMatch on copies."""
    site.put("source", b"new")
    stale = site.put("copy", b"1")
    current = site.put("copy", b"2")

    def copies(key: str, **condition: str) -> bool:
        source = {"Bucket": BUCKET, "Key": "source"}
        return site.accepted(site.client.copy_object, Key=key, CopySource=source, **condition)

    require(not copies("copy", IfMatch=stale), "a copy onto a stale version was applied")
    require(not copies("copy", IfNoneMatch="*"), "a copy onto an existing key was applied, though asked not to be")
    require(site.get("copy") == b"2", "a refused copy changed its destination")
    require(copies("copy", IfMatch=current), "a copy onto the current version was refused")
    require(copies("copy-2", IfNoneMatch="*"), "a copy to a free key was refused")
    require((site.get("copy"), site.get("copy-2")) == (b"new", b"new"), "a copy has other content than its source")
    return "a copy onto a stale version or an existing key is refused"


def copies_if_match_have_one_winner(site: Site) -> str:
    """Sixteen copies of different objects onto one version."""
    for number in range(WRITERS):
        site.put(f"source-{number}", b"%d" % number)

    def prepare(n: int) -> tuple[str, str]:
        return f"copied-{n}", site.put(f"copied-{n}", b"-1")

    def copy(token: tuple[str, str], number: int) -> bool:
        source = {"Bucket": BUCKET, "Key": f"source-{number}"}
        return site.accepted(site.client.copy_object, Key=token[0], CopySource=source, IfMatch=token[1])

    return one_winner(prepare, copy, lambda token: site.number(token[0]))


def a_copy_and_puts_on_one_version_have_one_winner(site: Site) -> str:
    """One copy against three puts."""
    site.put("source-0", b"0")

    def prepare(n: int) -> tuple[str, str]:
        return f"beside-{n}", site.put(f"beside-{n}", b"-1")

    def write(token: tuple[str, str], number: int) -> bool:
        key, version = token
        if number:
            return site.accepted(site.client.put_object, Key=key, Body=b"%d" % number, IfMatch=version)
        source = {"Bucket": BUCKET, "Key": "source-0"}
        return site.accepted(site.client.copy_object, Key=key, CopySource=source, IfMatch=version)

    return one_winner(prepare, write, lambda token: site.number(token[0]), writers=4)


def a_copy_respects_its_source(site: Site) -> str:
    """CopySourceIfMatch."""
    stale = site.put("pinned", b"1")
    current = site.put("pinned", b"2")

    def copies(key: str, version: str) -> bool:
        source = {"Bucket": BUCKET, "Key": "pinned"}
        return site.accepted(site.client.copy_object, Key=key, CopySource=source, CopySourceIfMatch=version)

    require(not copies("from-pinned", stale), "a copy of a stale source version was applied")
    require(site.get("from-pinned") is None, "a refused copy made its destination")
    require(copies("from-pinned", current), "a copy of the current source version was refused")
    return "a copy that pins a stale source version is refused"


def a_read_can_be_pinned(site: Site) -> str:
    """IfMatch on reads, whole and in ranges."""
    stale = site.put("read", b"0123456789")
    current = site.put("read", b"abcdefghij")
    get = site.client.get_object
    require(not site.accepted(get, Key="read", IfMatch=stale), "a read of a stale version was answered")
    require(not site.accepted(get, Key="read", IfMatch=stale, Range="bytes=2-4"), "a range of a stale version")
    require(site.get("read", IfMatch=current, Range="bytes=2-4") == b"cde", "a range is not what was asked for")
    require(site.get("read", Range="bytes=8-99") == b"ij", "a range beyond the end is not cut there")
    return "a read that pins a stale version is refused, in ranges too"


def metadata_come_back_and_a_copy_replaces_them(site: Site) -> str:
    """Content type, cache control, disposition and user metadata."""
    options = {"ContentType": "text/x", "CacheControl": "no-store", "ContentDisposition": "attachment"}
    site.put("meta", b"x", Metadata={"w": "1", "only": "here"}, **options)
    head = site.client.head_object(Bucket=BUCKET, Key="meta")
    require({name: head.get(name) for name in options} == options, f"other headers came back: {head}")
    require(head["Metadata"] == {"w": "1", "only": "here"}, f"other metadata came back: {head['Metadata']}")
    source = {"Bucket": BUCKET, "Key": "meta"}
    replaced: dict[str, Any] = {
        "Metadata": {"w": "2"},
        "MetadataDirective": "REPLACE",
        "ContentType": "text/y",
    }
    site.client.copy_object(Bucket=BUCKET, Key="meta-2", CopySource=source, **replaced)
    head = site.client.head_object(Bucket=BUCKET, Key="meta-2")
    require((head["Metadata"], head["ContentType"]) == ({"w": "2"}, "text/y"), f"a copy kept {head['Metadata']}")
    return "headers and metadata come back, and a copy replaces them"


def names_of_metadata_that_look_alike_are_two(site: Site) -> str:
    """A name with a hyphen and one with an underscore; WSGI makes them one."""
    sent = {"a-b": "1", "a_b": "2"}
    site.put("names", b"x", Metadata=sent)
    found = site.client.head_object(Bucket=BUCKET, Key="names")["Metadata"]
    require(found == sent, f"of {sent} came back {found}")
    return "names of metadata that differ in - and _ alone come back side by side"


def a_wrong_checksum_is_refused(site: Site) -> str:
    """CRC32C and MD5 of other data."""
    wrong = {"ChecksumCRC32C": base64.b64encode(b"\0" * 4), "ContentMD5": base64.b64encode(b"\0" * 16)}
    from botocore.exceptions import ClientError

    for option, value in wrong.items():
        try:
            site.put("checked", b"data", **{option: value.decode()})
        except ClientError as error:
            require(status(error) == 400, f"a wrong {option} was answered with {status(error)}")
        else:
            require(False, f"a wrong {option} was accepted")
        require(site.get("checked") is None, f"an object with a wrong {option} was stored")
    return "a put with a wrong CRC32C or MD5 is refused, and nothing is stored"


PROBES: tuple[Probe[Site], ...] = (
    probe("objects.if_match", puts_if_match_have_one_winner),
    probe("objects.if_absent", puts_if_absent_have_one_winner),
    probe("objects.if_match", a_put_on_a_stale_version_or_a_missing_key_is_refused),
    probe("objects.delete_conditional", a_delete_of_a_stale_version_is_refused),
    probe("objects.delete_conditional", deletes_and_puts_on_one_version_have_one_winner),
    probe("objects.copy_conditional", a_copy_respects_its_destination),
    probe("objects.copy_atomic", copies_if_match_have_one_winner),
    probe("objects.copy_beside_puts", a_copy_and_puts_on_one_version_have_one_winner),
    probe("objects.copy_pinned", a_copy_respects_its_source),
    probe("objects.read_pinned objects.ranges", a_read_can_be_pinned),
    probe("objects.metadata", metadata_come_back_and_a_copy_replaces_them),
    probe("objects.metadata_names", names_of_metadata_that_look_alike_are_two),
    probe("objects.checksums", a_wrong_checksum_is_refused),
)
