"""Tickets: uploaded to where nobody looks, published by confirm, swept if never confirmed."""

from __future__ import annotations

from datetime import timedelta

import pytest
from google_crc32c import value as crc32c

from statekit.errors import ConflictError, InvalidInputError, NotFoundError
from statekit_conformance import clause
from statekit_conformance.errors.interposing import together
from statekit_conformance.presigning.browser import post, put

JPEG = "image/jpeg"
PHOTO = b"\xff\xd8\xff" + bytes(range(256))


def reserve(view, **options):
    return view.tickets.reserve(**{"key": "a/photo.jpg", "max_size": 1000, "content_type": JPEG, **options})


@clause("O-37")
def test_an_upload_is_published_when_it_is_confirmed(view):
    ticket = reserve(view, metadata={"who": "Ada Ω"}, cache_control="max-age=60")
    assert post(ticket.upload, PHOTO).taken
    assert list(view.objects.list()) == []
    info = view.tickets.confirm(ticket)
    found = view.objects.get("a/photo.jpg")
    assert found.data == PHOTO
    assert (found.info.content_type, found.info.cache_control) == (JPEG, "max-age=60")
    assert found.info.metadata == {"who": "Ada Ω"}
    assert (info.key, info.version, info.size) == ("a/photo.jpg", found.info.version, len(PHOTO))


@clause("O-37")
def test_a_ticket_with_a_size_is_a_put(view):
    ticket = reserve(view, max_size=None, size=len(PHOTO))
    assert put(ticket.upload, PHOTO).taken
    view.tickets.confirm(ticket.id)
    assert view.objects.get("a/photo.jpg").data == PHOTO


@clause("O-37")
def test_confirming_twice_is_the_same_as_once(view):
    ticket = reserve(view)
    post(ticket.upload, PHOTO)
    first = view.tickets.confirm(ticket)
    view.objects.put("a/photo.jpg", b"later")
    post(ticket.upload, PHOTO + b"again")
    assert view.tickets.confirm(ticket) == first
    assert view.objects.get("a/photo.jpg").data == b"later"


@clause("O-37")
def test_several_confirmers_publish_once(view):
    ticket = reserve(view, if_absent=True)
    post(ticket.upload, PHOTO)
    results = together([lambda: view.tickets.confirm(ticket)] * 4)
    assert len({info.version for info in results}) == 1
    assert view.objects.get("a/photo.jpg").data == PHOTO


@clause("O-37")
def test_an_upload_replaces_what_is_there(view):
    view.objects.put("a/photo.jpg", b"before", content_type="text/plain")
    ticket = reserve(view)
    post(ticket.upload, PHOTO)
    view.tickets.confirm(ticket)
    assert view.objects.get("a/photo.jpg").data == PHOTO


@clause("O-37")
def test_a_ticket_for_a_prefix_has_a_new_key(view):
    ticket = reserve(view, key=None, prefix="up/")
    assert ticket.key.startswith("up/")
    post(ticket.upload, PHOTO)
    assert view.tickets.confirm(ticket).key == ticket.key
    assert view.objects.get(ticket.key).data == PHOTO


@clause("O-38")
def test_if_absent_publishes_only_where_nothing_is(view):
    ticket = reserve(view, if_absent=True)
    post(ticket.upload, PHOTO)
    view.objects.put("a/photo.jpg", b"first")
    with pytest.raises(ConflictError):
        view.tickets.confirm(ticket)
    assert view.objects.get("a/photo.jpg").data == b"first"


@clause("O-39")
def test_an_upload_that_is_something_else_is_not_published(view):
    ticket = reserve(view)
    post(ticket.upload, b"<script>alert(1)</script>")
    with pytest.raises(InvalidInputError):
        view.tickets.confirm(ticket)
    assert not view.objects.exists("a/photo.jpg")
    post(ticket.upload, PHOTO)
    with pytest.raises(InvalidInputError):
        view.tickets.confirm(ticket, crc32c=crc32c(PHOTO) ^ 1)
    assert not view.objects.exists("a/photo.jpg")
    assert view.tickets.confirm(ticket, crc32c=crc32c(PHOTO)).size == len(PHOTO)


@clause("O-39")
def test_an_upload_too_large_does_not_arrive(view):
    ticket = reserve(view, max_size=len(PHOTO) - 1)
    assert post(ticket.upload, PHOTO).refused
    with pytest.raises(NotFoundError):
        view.tickets.confirm(ticket)


@clause("O-40")
def test_a_ticket_is_its_owners(view):
    ticket = reserve(view, owner="ada")
    post(ticket.upload, PHOTO)
    with pytest.raises(NotFoundError):
        view.tickets.confirm(ticket)
    with pytest.raises(NotFoundError):
        view.tickets.confirm(ticket, owner="bob")
    view.tickets.abandon(ticket, owner="bob")
    assert view.tickets.confirm(ticket, owner="ada").key == "a/photo.jpg"


@clause("O-40")
def test_a_ticket_that_was_abandoned_publishes_nothing(view):
    ticket = reserve(view)
    post(ticket.upload, PHOTO)
    assert view.tickets.abandon(ticket) is True
    post(ticket.upload, PHOTO)
    with pytest.raises(NotFoundError):
        view.tickets.confirm(ticket)
    assert list(view.objects.list()) == []


@clause("O-40")
@pytest.mark.parametrize("identifier", ["", "x", "A" * 43])
def test_an_unknown_ticket_is_none(view, identifier):
    with pytest.raises(NotFoundError):
        view.tickets.confirm(identifier)


@clause("O-40", "O-41")
def test_a_ticket_that_has_expired_publishes_nothing(view, subject):
    ticket = reserve(view, expires_in=timedelta(hours=1))
    post(ticket.upload, PHOTO)
    subject.clock.advance(25 * 3600)
    with pytest.raises(NotFoundError):
        view.tickets.confirm(ticket)
    assert view.tickets.sweep().uploads == 1
    assert list(view.objects.list()) == []


@clause("O-41")
def test_sweep_spares_what_may_still_be_confirmed(view, subject):
    early, late = reserve(view, expires_in=timedelta(hours=1)), reserve(view, key="b", expires_in=timedelta(days=2))
    for ticket in (early, late):
        post(ticket.upload, PHOTO)
    assert view.tickets.sweep().uploads == 0
    subject.clock.advance(3600)
    assert view.tickets.sweep().uploads == 1
    with pytest.raises(NotFoundError):
        view.tickets.confirm(early)
    assert view.tickets.confirm(late).key == "b"
