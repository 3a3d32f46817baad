"""Tickets: what they promise, and every place where a confirmer or a sweep may be cut in half."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from google_crc32c import value as crc32c_of

import statekit
from statekit._core.plan import Call, Plan
from statekit._core.seal import generate
from statekit.errors import ConflictError, InvalidInputError, InvalidKeyError, NotFoundError, UnsupportedError
from statekit.testing import FakeClock
from statekit.types import Ticket

JPEG = "image/jpeg"
PHOTO = b"\xff\xd8\xff" + b"photo" * 10
DAY = 86_400


class Desk:
    """A state, and uploads that bypass the gateway: what arrives there is its own tests' business."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.state = statekit.open(
            "memory:", keys=[generate()], gateway="https://shop.example/files", clock=self.clock, namespace="shop"
        )
        self.tickets = self.state.tickets
        self.objects = self.state.objects
        self.plans = self.state._assembly.tickets
        self.driver = self.state._assembly.object_link.drivers().objects

    def reserve(self, **options: Any) -> Ticket:
        return self.tickets.reserve(**{"key": "a/photo.jpg", "max_size": 100, "content_type": JPEG, **options})

    def upload(self, ticket: Ticket, data: bytes = PHOTO) -> None:
        from statekit.driver import ANY, Meta

        place = f"shop/{self.staged(ticket)}"
        meta = Meta("text/html", None, None, {})
        self.driver.write(place, data, meta=meta, crc32c=crc32c_of(data), expect=ANY, timeout=1)

    @staticmethod
    def staged(ticket: Ticket) -> str:
        return ticket.upload.fields.get("key") or ticket.upload.url.partition("/files/")[2].partition("?")[0]

    def staging(self) -> list[str]:
        page = self.driver.page("shop/.statekit/", delimiter=None, start_after=None, cursor=None, limit=100, timeout=1)
        return [stat.key for stat in page.items]

    def phase(self, ticket: Ticket) -> str:
        from statekit._core.ids import sid_of

        plan = self.plans._look(_operation(self), sid_of(ticket.id).hex())
        found = self.state._runner.run(plan)
        return "gone" if found is None else found[1].phase


def _operation(desk: Desk) -> Any:

    return desk.plans.wire.begin("look", None)


@pytest.fixture
def desk() -> Iterator[Desk]:
    desk = Desk()
    yield desk
    desk.state.close()


def test_an_upload_is_published_when_it_is_confirmed(desk):
    ticket = desk.reserve(metadata={"who": "Ω"}, cache_control="max-age=1")
    assert ticket.upload.method == "POST"
    with pytest.raises(NotFoundError):
        desk.tickets.confirm(ticket)
    desk.upload(ticket)
    assert list(desk.objects.list()) == []
    info = desk.tickets.confirm(ticket)
    found = desk.objects.get("a/photo.jpg")
    assert found.data == PHOTO
    assert found.info.content_type == JPEG  # the ticket's, not the upload's
    assert (found.info.metadata, found.info.cache_control) == ({"who": "Ω"}, "max-age=1")
    assert (info.version, info.size, info.key) == (found.info.version, len(PHOTO), "a/photo.jpg")
    assert desk.staging() == []


def test_confirming_twice_is_the_same_as_once(desk):
    ticket = desk.reserve()
    desk.upload(ticket)
    first = desk.tickets.confirm(ticket.id)
    desk.objects.put("a/photo.jpg", b"later")
    desk.upload(ticket, PHOTO + b"again")  # the signature outlives the confirmation
    assert desk.tickets.confirm(ticket.id) == first
    assert desk.objects.get("a/photo.jpg").data == b"later"


def test_a_ticket_for_a_prefix_reserves_a_new_key(desk):
    one, two = (desk.reserve(key=None, prefix="up/") for _ in range(2))
    assert one.key != two.key
    assert one.key.startswith("up/")


def test_a_ticket_with_a_size_is_a_put(desk):
    ticket = desk.reserve(max_size=None, size=5)
    assert ticket.upload.method == "PUT"
    assert ticket.upload.headers == {"Content-Type": JPEG}


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"size": 1}, InvalidInputError),
        ({"max_size": None}, InvalidInputError),
        ({"max_size": None, "size": 1, "min_size": 1}, InvalidInputError),
        ({"prefix": "a/"}, InvalidKeyError),
        ({"key": None}, InvalidKeyError),
        ({"key": None, "prefix": "a"}, InvalidKeyError),
        ({"key": ".statekit/a"}, InvalidKeyError),
        ({"owner": ""}, InvalidInputError),
    ],
)
def test_what_is_no_ticket(desk, options, error):
    with pytest.raises(error):
        desk.reserve(**options)


@pytest.mark.parametrize("data", [PHOTO * 10, b""], ids=["too large", "too small"])
def test_an_upload_of_another_size_is_not_published(desk, data):
    ticket = desk.reserve(min_size=1)
    desk.upload(ticket, data)
    with pytest.raises(InvalidInputError):
        desk.tickets.confirm(ticket)
    assert not desk.objects.exists("a/photo.jpg")
    desk.upload(ticket)
    assert desk.tickets.confirm(ticket).size == len(PHOTO)


def test_an_upload_that_does_not_begin_as_its_type_is_not_published(desk):
    ticket = desk.reserve()
    desk.upload(ticket, b"<script>")
    with pytest.raises(InvalidInputError):
        desk.tickets.confirm(ticket)
    assert not desk.objects.exists("a/photo.jpg")


def test_an_upload_with_another_checksum_is_not_published(desk):
    ticket = desk.reserve()
    desk.upload(ticket)
    with pytest.raises(InvalidInputError):
        desk.tickets.confirm(ticket, crc32c=1)
    assert desk.tickets.confirm(ticket, crc32c=crc32c_of(PHOTO)).size == len(PHOTO)


def test_if_absent_publishes_only_where_nothing_is(desk):
    ticket = desk.reserve(if_absent=True)
    desk.upload(ticket)
    desk.objects.put("a/photo.jpg", b"first")
    with pytest.raises(ConflictError):
        desk.tickets.confirm(ticket)
    assert desk.objects.get("a/photo.jpg").data == b"first"


def test_a_ticket_is_its_owners(desk):
    ticket = desk.reserve(owner="ada")
    desk.upload(ticket)
    for owner in (None, "bob"):
        with pytest.raises(NotFoundError):
            desk.tickets.confirm(ticket, owner=owner)
        desk.tickets.abandon(ticket, owner=owner)
    assert desk.tickets.confirm(ticket, owner="ada").size == len(PHOTO)


def test_a_ticket_that_was_abandoned_publishes_nothing(desk):
    ticket = desk.reserve()
    desk.upload(ticket)
    assert desk.tickets.abandon(ticket) is True
    assert desk.staging() == []
    desk.upload(ticket)
    with pytest.raises(NotFoundError):
        desk.tickets.confirm(ticket)
    assert desk.tickets.abandon(ticket) is True
    assert not desk.objects.exists("a/photo.jpg")


def test_a_ticket_that_was_confirmed_cannot_be_abandoned(desk):
    ticket = desk.reserve()
    desk.upload(ticket)
    desk.tickets.confirm(ticket)
    assert desk.tickets.abandon(ticket) is False
    assert desk.objects.exists("a/photo.jpg")


def test_sweep_deletes_what_was_never_confirmed_and_nothing_that_still_may_be(desk):
    early = desk.reserve(expires_in=timedelta(hours=1))
    late = desk.reserve(key="b", expires_in=timedelta(days=7))
    for ticket in (early, late):
        desk.upload(ticket)
    desk.clock.advance(3599)
    assert desk.tickets.sweep().uploads == 0
    desk.clock.advance(1)
    assert desk.tickets.sweep().uploads == 1
    with pytest.raises(NotFoundError):
        desk.tickets.confirm(early)
    assert desk.tickets.confirm(late).key == "b"
    desk.upload(late)  # once more, after it was done
    assert desk.state.sweep().uploads == 1
    desk.clock.advance(9 * DAY)
    assert desk.tickets.sweep().records == 2


def test_an_expired_ticket_is_gone(desk):
    ticket = desk.reserve(expires_in=timedelta(hours=1))
    desk.clock.advance(25 * 3600)
    desk.upload(ticket)
    with pytest.raises(NotFoundError):
        desk.tickets.confirm(ticket)
    assert desk.tickets.sweep().uploads == 1
    assert desk.staging() == []


@pytest.mark.parametrize("identifier", ["", "x", "A" * 43, "../x"])
def test_an_unknown_ticket_is_none(desk, identifier):
    with pytest.raises(NotFoundError):
        desk.tickets.confirm(identifier)
    assert desk.tickets.abandon("A" * 43) is True


def test_without_objects_there_are_no_tickets():
    with statekit.open(sessions="memory:") as state:
        with pytest.raises(UnsupportedError):
            state.tickets.reserve("a", size=1, content_type=JPEG)
        assert state.sweep().uploads == 0


def test_nothing_of_a_ticket_is_in_its_repr(desk):
    ticket = desk.reserve()
    assert ticket.id not in repr(ticket)
    assert "policy" not in repr(ticket)


class Killed(BaseException):
    """The process died here."""


def run(plan: Plan[Any], kill_at: int, *, applied: bool) -> tuple[Any, int]:
    """Run a plan, killed at its n-th request, which is applied before it dies or is not; return result and requests."""
    count = 0
    effect = plan.send(None)
    while True:
        assert isinstance(effect, Call), effect
        if count == kill_at and not applied:
            raise Killed
        try:
            result = effect.method(*effect.args, **effect.kwargs)
        except Exception as error:
            effect = plan.throw(error)
            continue
        if count == kill_at:
            raise Killed
        count += 1
        try:
            effect = plan.send(result)
        except StopIteration as end:
            return end.value, count


ENDS: dict[str, Callable[[Desk, Ticket], object]] = {
    "confirm": lambda desk, ticket: desk.tickets.confirm(ticket),
    "sweep, then confirm": lambda desk, ticket: (desk.tickets.sweep(), desk.tickets.confirm(ticket)),
    "upload again, then confirm": lambda desk, ticket: (
        desk.upload(ticket, PHOTO + b"again"),
        desk.tickets.confirm(ticket),
    ),
}


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("before", [None, b"older"], ids=["new", "over another"])
@pytest.mark.parametrize("applied", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("kill_at", range(12))
def test_a_confirmer_that_was_killed_anywhere_is_finished_by_the_next(kill_at, applied, before, end):
    desk = Desk()
    if before is not None:
        desk.objects.put("a/photo.jpg", before)
    ticket = desk.reserve()
    desk.upload(ticket)
    plan = desk.plans.confirm(None, ticket.id, None, None)
    try:
        run(plan, kill_at, applied=applied)
    except Killed:
        del plan
    else:
        assert kill_at >= 8, "the confirmation takes fewer requests than this test kills at"
    was = desk.phase(ticket)
    found = desk.objects.get("a/photo.jpg").data if desk.objects.exists("a/photo.jpg") else None
    assert found in (before, PHOTO)
    try:
        ENDS[end](desk, ticket)
    except ConflictError:
        # What was fixed is gone: it was uploaded again before it had been copied.
        assert "again" in end
        assert was == "publishing"
        assert desk.phase(ticket) == "failed"
        assert (desk.objects.get("a/photo.jpg").data if before else None) == before
    else:
        wanted = {PHOTO, PHOTO + b"again"} if was == "reserved" and "again" in end else {PHOTO}
        assert desk.objects.get("a/photo.jpg").data in wanted
        assert desk.phase(ticket) == "done"
    desk.tickets.sweep()
    assert desk.staging() == []


@pytest.mark.parametrize("applied", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("kill_at", range(12))
@pytest.mark.parametrize("later", [b"newer", None], ids=["overwritten", "deleted"])
def test_what_was_published_and_then_changed_is_not_published_again(kill_at, applied, later):
    desk = Desk()
    ticket = desk.reserve()
    desk.upload(ticket)
    with suppress(Killed):
        run(desk.plans.confirm(None, ticket.id, None, None), kill_at, applied=applied)
    if not desk.objects.exists("a/photo.jpg"):
        return
    desk.objects.delete("a/photo.jpg")
    if later is not None:
        desk.objects.put("a/photo.jpg", later)
    if desk.phase(ticket) == "done":
        desk.tickets.confirm(ticket)
        found = desk.objects.get("a/photo.jpg").data if desk.objects.exists("a/photo.jpg") else None
        assert found == later
    elif later is not None:
        with pytest.raises(ConflictError):
            desk.tickets.confirm(ticket)
        assert desk.objects.get("a/photo.jpg").data == later
    desk.tickets.sweep()
    assert desk.staging() == []


@pytest.mark.parametrize("first", range(10))
@pytest.mark.parametrize("second", range(10))
def test_two_confirmers_publish_once(first, second):
    """Stop one after some requests, run the other for some, and then both to their ends."""
    desk = Desk()
    ticket = desk.reserve()
    desk.upload(ticket)
    writes: list[str] = []
    copy = type(desk.driver).copy

    def counted(self: Any, *args: Any, **kwargs: Any) -> Any:
        answer = copy(self, *args, **kwargs)
        if type(answer).__name__ == "Committed":
            writes.append(args[1])
        return answer

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(desk.driver), "copy", counted)
        plans = [Stepped(desk.plans.confirm(None, ticket.id, None, None)) for _ in range(2)]
        plans[0].step(first)
        plans[1].step(second)
        results = [plan.finish() for plan in plans]
    assert results[0] == results[1]
    assert len(writes) == 1
    assert desk.objects.get("a/photo.jpg").data == PHOTO
    assert desk.staging() == []


class Stepped:
    def __init__(self, plan: Plan[Any]) -> None:
        self._plan = plan
        self._effect: Any = plan.send(None)
        self.result: Any = None

    def step(self, count: int) -> None:
        for _ in range(count):
            if self._effect is None:
                return
            try:
                answer = self._effect.method(*self._effect.args, **self._effect.kwargs)
                self._effect = self._plan.send(answer)
            except StopIteration as end:
                self._effect, self.result = None, end.value

    def finish(self) -> Any:
        self.step(100)
        return self.result
