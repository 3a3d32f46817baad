"""Conditional writes: what holds, what is refused, and what a refusal leaves."""

from __future__ import annotations

from statekit.driver import ABSENT, Committed, Refused
from statekit_conformance import clause


@clause("R-01")
def test_a_create_stores_where_nothing_is_stored(records):
    key = records.key("new")

    answer = records.write(key, b"first", expect=ABSENT)

    assert isinstance(answer, Committed)
    assert records.read(key).value == b"first"


@clause("R-01")
def test_x(subject):
    v = subject.open()
    s = v.sessions.create({"a": 1})
    assert v.sessions.load(s.id) == {"a": 1}
    v.objects.put("k", b"x")
    assert [i.key for i in v.objects.list()] == ["k"]
    with v.objects.open("k") as f:
        assert f.read() == b"x"
    with v.objects.open("w", "wb") as f:
        f.write(b"xx")
    assert v.objects.get("w").data == b"xx"
    v.check(), v.sweep()
    assert len(v.events) > 3
