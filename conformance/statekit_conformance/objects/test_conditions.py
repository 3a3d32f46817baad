"""Conditions: only where nothing is stored, only over one version; at every size, and with one winner."""

from __future__ import annotations

import pytest

from statekit.errors import ConflictError, InvalidInputError
from statekit_conformance import clause

PART = 8 * 1024 * 1024
SIZES = [0, 1, PART]


def put(view, key, data, **condition):
    return view.objects.put(key, data, **condition)


def write(view, key, data, **condition):
    with view.objects.open(key, "wb", **condition) as file:
        file.write(data)
    return file.info


def write_piecewise(view, key, data, **condition):
    return view.objects.put(key, iter([data[:100], data[100:]]), **condition)


WAYS = pytest.mark.parametrize("way", [put, write, write_piecewise], ids=lambda way: way.__name__)


def check_if_absent(view, raw, way, data):
    first = way(view, "file", data, if_absent=True)
    with pytest.raises(ConflictError):
        way(view, "file", data + b"x", if_absent=True)
    with pytest.raises(ConflictError):
        way(view, "file", b"short", if_absent=True)
    found = view.objects.get("file")
    assert found.data == data
    assert found.info.version == first.version
    assert view.objects.delete("file") is True
    way(view, "file", data, if_absent=True)
    assert view.objects.stat("file").size == len(data)
    assert raw.uploads() == []


def check_if_match(view, raw, way, data):
    with pytest.raises(ConflictError):
        way(view, "file", data, if_match="0123456789abcdef")
    assert view.objects.exists("file") is False
    first = view.objects.put("file", b"first")
    second = way(view, "file", data, if_match=first.version)
    with pytest.raises(ConflictError):
        way(view, "file", data + b"x", if_match=first.version)
    with pytest.raises(ConflictError):
        way(view, "file", data + b"x", if_match=first)
    assert view.objects.get("file").data == data
    assert view.objects.stat("file").version == second.version
    third = way(view, "file", data + b"y", if_match=second)
    assert view.objects.get("file").data == data + b"y"
    assert view.objects.delete("file", if_match=third) is True
    with pytest.raises(ConflictError):
        way(view, "file", data, if_match=third.version)
    assert view.objects.exists("file") is False
    assert raw.uploads() == []


@clause("O-03", needs=("reopen",))
@WAYS
@pytest.mark.parametrize("size", SIZES)
def test_if_absent_stores_only_where_nothing_is_stored(view, raw, noise, way, size):
    check_if_absent(view, raw, way, noise(size))


@clause("O-03", "O-11", needs=("multipart", "reopen"))
@WAYS
def test_if_absent_holds_for_objects_in_parts(view, raw, noise, way):
    check_if_absent(view, raw, way, noise(PART + 1))


@clause("O-04", needs=("reopen",))
@WAYS
@pytest.mark.parametrize("size", SIZES)
def test_if_match_stores_only_over_that_version(view, raw, noise, way, size):
    check_if_match(view, raw, way, noise(size))


@clause("O-04", "O-11", needs=("multipart", "reopen"))
@WAYS
def test_if_match_holds_for_objects_in_parts(view, raw, noise, way):
    check_if_match(view, raw, way, noise(PART + 1))


@clause("O-04", "O-13")
@pytest.mark.parametrize("version", ["", "x", "0", "-1", "*", '"quoted"', "ü", "a\nb", "a" * 5000, "1.5", "W/x"])
def test_a_version_that_never_was_is_a_conflict_and_nothing_else(view, version):
    info = view.objects.put("file", b"data")
    with pytest.raises(ConflictError):
        view.objects.put("file", b"new", if_match=version)
    with pytest.raises(ConflictError):
        view.objects.delete("file", if_match=version)
    with pytest.raises(ConflictError):
        view.objects.copy("file", "file", if_match=version)
    with pytest.raises(ConflictError):
        view.objects.put("other", b"new", if_match=version)
    assert view.objects.stat("file").version == info.version
    assert view.objects.exists("other") is False


@clause("O-04")
def test_another_objects_version_is_a_conflict(view):
    one, other = view.objects.put("one", b"1"), view.objects.put("other", b"2")
    with pytest.raises(ConflictError):
        view.objects.put("one", b"3", if_match=other.version)
    assert view.objects.stat("one").version == one.version


@clause("O-03", "O-04")
def test_a_conflict_tells_the_version_that_is_stored_if_any(view):
    info = view.objects.put("file", b"data")
    with pytest.raises(ConflictError) as caught:
        view.objects.put("file", b"new", if_absent=True)
    assert caught.value.current in (None, info.version)
    with pytest.raises(ConflictError) as caught:
        view.objects.put("absent", b"new", if_match=info.version)
    assert caught.value.current is None


@clause("O-03", "O-04")
def test_both_conditions_at_once_are_refused_before_anything_is_sent(view):
    uses = [
        lambda: view.objects.put("file", b"x", if_absent=True, if_match="x"),
        lambda: view.objects.copy("file", "copy", if_absent=True, if_match="x"),
        lambda: write(view, "file", b"x", if_absent=True, if_match="x"),
    ]
    for use in uses:
        with pytest.raises(InvalidInputError):
            use()
    assert all(event.attempts == 0 for event in view.events)
    assert view.objects.exists("file") is False


@clause("O-03")
def test_if_absent_that_is_false_is_no_condition(view):
    view.objects.put("file", b"1")
    view.objects.put("file", b"2", if_absent=False, if_match=None)
    assert view.objects.get("file").data == b"2"


@clause("O-05", "E-13")
@pytest.mark.parametrize("stored", [False, True], ids=["if_absent", "if_match"])
def test_of_concurrent_conditional_puts_one_succeeds(subject, together, stored):
    view = subject.open(timeout=3600)
    for turn in range(4):
        key = f"file {turn}"
        condition = {"if_match": view.objects.put(key, b"first")} if stored else {"if_absent": True}
        puts = [
            lambda number=number, key=key, condition=condition: view.objects.put(key, bytes((number,)) * 9, **condition)
            for number in range(8)
        ]
        outcomes = together(puts)
        won = [number for number, outcome in enumerate(outcomes) if not isinstance(outcome, ConflictError)]
        assert len(won) == 1
        found = view.objects.get(key)
        assert found.data == bytes(won) * 9
        assert found.info.version == outcomes[won[0]].version


@clause("O-05", "O-11", "E-13", needs=("multipart", "reopen"))
@pytest.mark.parametrize("stored", [False, True], ids=["if_absent", "if_match"])
def test_of_concurrent_conditional_puts_in_parts_one_succeeds(subject, raw, together, noise, stored):
    view = subject.open(timeout=3600)
    condition = {"if_match": view.objects.put("file", b"first")} if stored else {"if_absent": True}
    puts = [lambda seed=seed: view.objects.put("file", noise(PART + 1, seed), **condition) for seed in range(3)]
    outcomes = together(puts)
    won = [seed for seed, outcome in enumerate(outcomes) if not isinstance(outcome, ConflictError)]
    assert len(won) == 1
    assert view.objects.get("file").data == noise(PART + 1, won[0])
    assert raw.uploads() == []


def put_if_absent(subject):
    view = subject.open(timeout=3600)
    won = []
    for turn in range(10):
        try:
            view.objects.put(f"file {turn}", b"%d" % subject.index, if_absent=True)
        except ConflictError:
            continue
        won.append(turn)
    return won


@clause("O-05")
def test_of_conditional_puts_by_many_processes_one_succeeds(view, processes):
    answers = processes.run(put_if_absent, count=3)
    assert sorted(turn for won in answers for turn in won) == list(range(10))
    for index, won in enumerate(answers):
        assert all(view.objects.get(f"file {turn}").data == b"%d" % index for turn in won)


# Deleting


@clause("O-12")
def test_delete_says_whether_it_deleted(view):
    view.objects.put("file", b"x")
    assert view.objects.delete("file") is True
    assert view.objects.exists("file") is False
    assert view.objects.delete("file") is False
    assert view.objects.delete("never stored") is False


@clause("O-12")
def test_delete_deletes_one_object_only(view):
    for key in ("a", "a/b", "ab", "A"):
        view.objects.put(key, b"x")
    view.objects.delete("a")
    assert [info.key for info in view.objects.list()] == ["A", "a/b", "ab"]


@clause("O-12", needs=("multipart",))
def test_a_large_object_is_deleted_like_any_other(view, noise):
    view.objects.put("file", noise(PART + 1))
    assert view.objects.delete("file") is True
    assert view.objects.exists("file") is False
    assert list(view.objects.list()) == []


@clause("O-13")
@pytest.mark.parametrize("by", [lambda info: info, lambda info: info.version], ids=["info", "version"])
def test_delete_with_if_match_deletes_only_that_version(view, by):
    first = view.objects.put("file", b"1")
    second = view.objects.put("file", b"2")
    with pytest.raises(ConflictError):
        view.objects.delete("file", if_match=by(first))
    assert view.objects.get("file").data == b"2"
    assert view.objects.delete("file", if_match=by(second)) is True
    assert view.objects.exists("file") is False


@clause("O-12", "O-13")
def test_deleting_an_absent_object_is_success_under_a_condition_too(view):
    info = view.objects.put("file", b"1")
    view.objects.delete("file")
    assert view.objects.delete("file", if_match=info) is False


@clause("O-12", "O-13", "E-13")
def test_of_concurrent_deletes_of_one_version_none_fails(view, together):
    info = view.objects.put("file", b"1")
    outcomes = together([lambda: view.objects.delete("file", if_match=info)] * 6)
    assert outcomes.count(True) == 1
    assert outcomes.count(False) == 5


@clause("O-14")
def test_delete_many_deletes_every_key_and_reports_each(view):
    keys = [f"file {number}" for number in range(30)]
    for key in keys[::2]:
        view.objects.put(key, b"x")
    view.objects.put("kept", b"x")
    assert view.objects.delete_many(keys) == {key: number % 2 == 0 for number, key in enumerate(keys)}
    assert [info.key for info in view.objects.list()] == ["kept"]


@clause("O-14")
def test_delete_many_takes_any_iterable_and_a_key_twice(view):
    view.objects.put("a", b"x")
    assert view.objects.delete_many(key for key in ("a", "b", "a")) == {"a": True, "b": False}
    assert view.objects.delete_many([]) == {}


@clause("O-14", "K-02")
def test_delete_many_with_a_key_that_is_none_deletes_nothing(view):
    view.objects.put("a", b"x")
    with pytest.raises(InvalidInputError):
        view.objects.delete_many(["a", "../b"])
    assert view.objects.exists("a") is True


@clause("O-14", "E-04", needs=("reopen",))
def test_delete_many_reports_the_key_that_could_not_be_deleted(view, interposed):
    from statekit.driver import Fault
    from statekit.errors import DeniedError

    for key in "abc":
        view.objects.put(key, b"x")
    interposed.objects.refuse("delete", fault=Fault.DENIED, times=1)
    outcome = interposed.stored_objects.delete_many("abc")
    failed = [key for key, value in outcome.items() if isinstance(value, DeniedError)]
    assert len(failed) == 1
    assert [info.key for info in view.objects.list()] == failed
    assert [value for key, value in outcome.items() if key not in failed] == [True, True]


# Copying


@clause("O-15")
def test_a_copy_is_equal_and_has_a_write_id_of_its_own(view):
    metadata = {"a": "ü", "b": "  "}
    source = view.objects.put(
        "source",
        b"data",
        content_type="text/css",
        cache_control="no-store",
        content_disposition="inline",
        metadata=metadata,
    )
    copied = view.objects.copy("source", "a/target")
    found = view.objects.get("a/target")
    assert (found.data, dict(found.info.metadata)) == (b"data", metadata)
    assert (found.info.content_type, found.info.cache_control) == ("text/css", "no-store")
    assert found.info.content_disposition == "inline"
    assert (copied.key, copied.size, copied.version) == ("a/target", 4, found.info.version)
    assert copied.write_id == found.info.write_id
    assert found.info.write_id not in (None, source.write_id)
    assert view.objects.stat("source").version == source.version


@clause("O-15", needs=("multipart",))
def test_a_copy_of_an_object_in_parts_is_equal(view, noise):
    view.objects.put("source", noise(17 * 1024 * 1024), metadata={"a": "ü"})
    view.objects.copy("source", "target")
    found = view.objects.get("target")
    assert found.data == noise(17 * 1024 * 1024)
    assert dict(found.info.metadata) == {"a": "ü"}


@clause("O-15")
def test_a_copy_does_not_follow_its_source(view):
    view.objects.put("source", b"1")
    view.objects.copy("source", "target")
    view.objects.put("source", b"2")
    assert view.objects.get("target").data == b"1"
    view.objects.delete("source")
    assert view.objects.get("target").data == b"1"


@clause("O-15")
def test_a_copy_overwrites_its_target_as_a_whole(view):
    view.objects.put("source", b"short", content_type="text/css")
    before = view.objects.put("target", b"something longer", metadata={"old": "1"}, cache_control="no-store")
    after = view.objects.copy("source", "target")
    found = view.objects.get("target")
    assert (found.data, dict(found.info.metadata), found.info.cache_control) == (b"short", {}, None)
    assert after.version != before.version


@clause("O-15")
def test_an_object_may_be_copied_onto_itself(view):
    before = view.objects.put("file", b"data", metadata={"a": "1"})
    after = view.objects.copy("file", "file", if_match=before)
    found = view.objects.get("file")
    assert (found.data, dict(found.info.metadata)) == (b"data", {"a": "1"})
    assert found.info.write_id == after.write_id != before.write_id


@clause("O-15")
@pytest.mark.parametrize("size", [0, 10])
def test_a_copy_if_absent_stores_only_where_nothing_is_stored(view, noise, size):
    view.objects.put("source", noise(size))
    view.objects.copy("source", "target", if_absent=True)
    view.objects.put("source", b"changed")
    with pytest.raises(ConflictError):
        view.objects.copy("source", "target", if_absent=True)
    assert view.objects.get("target").data == noise(size)


@clause("O-15")
def test_a_copy_if_match_stores_only_over_that_version_of_the_target(view):
    source = view.objects.put("source", b"source")
    first = view.objects.put("target", b"1")
    second = view.objects.put("target", b"2")
    for stale in (first, first.version, source):
        with pytest.raises(ConflictError):
            view.objects.copy("source", "target", if_match=stale)
    with pytest.raises(ConflictError):
        view.objects.copy("source", "absent", if_match=second)
    assert view.objects.get("target").data == b"2"
    assert view.objects.exists("absent") is False
    view.objects.copy("source", "target", if_match=second)
    assert view.objects.get("target").data == b"source"


@clause("O-15", "E-13")
def test_of_concurrent_copies_if_absent_one_succeeds(subject, together):
    view = subject.open(timeout=3600)
    for number in range(5):
        view.objects.put(f"source {number}", b"%d" % number)
    copies = [
        lambda number=number: view.objects.copy(f"source {number}", "target", if_absent=True) for number in range(5)
    ]
    won = [number for number, outcome in enumerate(together(copies)) if not isinstance(outcome, ConflictError)]
    assert len(won) == 1
    assert view.objects.get("target").data == b"%d" % won[0]


@clause("O-15", needs=("reopen",))
def test_a_source_that_is_overwritten_while_it_is_copied_is_copied_as_one_version(view, interposed):
    view.objects.put("source", b"1", metadata={"of": "1"}, content_type="text/x-1")
    overwrite = {"metadata": {"of": "2"}, "content_type": "text/x-2"}
    interposed.at_objects.before("copy", lambda: view.objects.put("source", b"2", **overwrite))
    interposed.stored_objects.copy("source", "target")
    found = view.objects.get("target")
    number = found.data.decode()
    assert (dict(found.info.metadata), found.info.content_type) == ({"of": number}, f"text/x-{number}")


@clause("O-16")
@pytest.mark.parametrize("condition", [{}, {"if_absent": True}])
def test_copying_an_absent_source_is_not_found_and_changes_nothing(view, condition):
    from statekit.errors import NotFoundError

    if not condition:
        view.objects.put("target", b"kept")
    before = list(view.objects.list())
    with pytest.raises(NotFoundError):
        view.objects.copy("absent", "target", **condition)
    assert list(view.objects.list()) == before


@clause("O-16", needs=("reopen",))
def test_a_source_that_is_deleted_while_it_is_copied_is_not_found(view, interposed):
    from statekit.errors import NotFoundError

    view.objects.put("source", b"1")
    interposed.at_objects.before("copy", lambda: view.objects.delete("source"))
    with pytest.raises(NotFoundError):
        interposed.stored_objects.copy("source", "target")
    assert view.objects.exists("target") is False
