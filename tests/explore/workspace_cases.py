"""The cases of P3, and the wrong variants of it that they find."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from statekit._core.commit import Lost
from statekit._core.plan import Plan
from statekit._core.scratch import lease as leasing
from statekit._core.scratch.checkpoint import Blobs, Checkpoints
from statekit._core.scratch.forms import blob_name
from statekit._core.scratch.lease import Holding, Leases, lost
from statekit._core.scratch.sweep import Sweep, _Spared
from statekit.driver import ANY
from statekit.errors import CorruptDataError, IndeterminateError

from .catalogue import bounds
from .mutants import Mutant
from .search import Bounds, Case
from .workspaces import (
    EXPIRED,
    LATER,
    WorkspaceCase,
    a_taken_workspace_is_there,
    checkpoints,
    held,
    nobody_loses_an_undisputed_lease,
    reads,
    released,
    releases,
    renews,
    sweeps,
    swept_leaves_nothing,
    takes_over,
    the_last_checkpoint_is_there,
    the_successor_has_it,
    the_successors_is_there,
    tokens_grow,
)

CASES: Final[dict[str, Callable[[], Case]]] = {
    "a checkpoint beside its own renewal": lambda: WorkspaceCase(
        {"checkpoints": checkpoints(("y",)), "renews": renews}, setup=held("x"),
        invariants=[nobody_loses_an_undisputed_lease, the_last_checkpoint_is_there("y")], bounds=bounds(1, 1, 1, 1),
    ),
    "two checkpoints, the first one's outcome unknown, and a sweep": lambda: WorkspaceCase(
        {"checkpoints": checkpoints(("y",), ("x",)), "sweeps": sweeps}, setup=held("x", inherited=True),
        invariants=[nobody_loses_an_undisputed_lease, the_last_checkpoint_is_there("x")], bounds=bounds(1, 1),
    ),
    "a takeover beside a checkpoint": lambda: WorkspaceCase(
        {"checkpoints": checkpoints(("y",)), "takes over": takes_over("z")}, setup=held("x"),
        invariants=[the_successor_has_it("y"), the_successors_is_there("z")], bounds=bounds(1, 1, 0, 1),
        watched=["takes over"], now={"takes over": LATER},
    ),
    "a takeover beside a checkpoint and a sweep": lambda: WorkspaceCase(
        {"checkpoints": checkpoints(("y",)), "takes over": takes_over("z"), "sweeps": sweeps}, setup=held("x"),
        invariants=[the_successors_is_there("z")], bounds=bounds(0), now={"takes over": LATER, "sweeps": LATER},
    ),
    "a sweep beside a checkpoint": lambda: WorkspaceCase(
        {"checkpoints": checkpoints(("y",)), "sweeps": sweeps}, setup=held("x", orphan="y", inherited=True),
        invariants=[nobody_loses_an_undisputed_lease, the_last_checkpoint_is_there("y")], bounds=bounds(1, 0, 0, 1),
    ),
    "a release beside an acquisition": lambda: WorkspaceCase(
        {"releases": releases, "takes over": takes_over("z")}, setup=held("x"),
        invariants=[the_successors_is_there("z")], bounds=bounds(1, 0, 0, 1),
    ),
    "two want a free workspace": lambda: WorkspaceCase(
        {"takes over": takes_over("z"), "reads": reads}, setup=released("x"), bounds=bounds(1, 1, 0, 1),
    ),
    "a sweep of a free workspace beside an acquisition": lambda: WorkspaceCase(
        {"sweeps": sweeps, "takes over": takes_over("z")}, setup=released("x"),
        invariants=[a_taken_workspace_is_there, the_successors_is_there("z")], bounds=bounds(1, 0, 0, 1),
    ),
    "a sweep of an expired workspace beside an acquisition": lambda: WorkspaceCase(
        {"sweeps": sweeps, "takes over": takes_over("z")}, setup=released("x"),
        invariants=[a_taken_workspace_is_there, tokens_grow, the_successors_is_there("z")], bounds=bounds(1),
        now={"sweeps": EXPIRED, "takes over": EXPIRED},
    ),
    "a sweep of an expired workspace": lambda: WorkspaceCase(
        {"sweeps": sweeps}, setup=held("x", orphan="o"), invariants=[swept_leaves_nothing], bounds=bounds(1),
        now={"sweeps": EXPIRED},
    ),
}  # fmt: skip


# Wrong variants


def takes_what_is_held(monkeypatch) -> None:
    monkeypatch.setattr(leasing, "SKEW", -(10**9))


def checks_no_holder(monkeypatch) -> None:
    def mine(self, op, holding, stored):
        if stored is None:
            raise lost()
        holding.stored = stored
        return holding.lease

    monkeypatch.setattr(Leases, "_mine", mine)


def takes_its_own_renewal_for_a_lost_lease(monkeypatch) -> None:
    real = Leases._commit

    def commit(self, op, workspace, base, new):
        result = yield from real(self, op, workspace, base, new)
        if isinstance(result, Lost) and base is not None and leasing.decode_lease(base.body).holder == new.holder:
            raise lost()
        return result

    monkeypatch.setattr(Leases, "_commit", commit)


def counts_tokens_from_one(monkeypatch) -> None:
    real = Leases._take

    def take(self, op, workspace, terms, stored, before, alive):
        def commit(op, workspace, base, new):
            plain = msgspec.structs.replace(new, fence=before.fence + 1 if before else 1)
            return Leases._commit(self, op, workspace, base, plain)

        other = Leases(self.driver, "")
        other._commit = commit
        return (yield from real(other, op, workspace, terms, stored, before, alive))

    monkeypatch.setattr(Leases, "_take", take)


def publishes_the_manifest_before_the_files(monkeypatch) -> None:
    real = Checkpoints.save

    def save(self, op, holding, files, kept, tell):
        waiting: list[Plan] = []
        elsewhere = self._elsewhere
        other = Checkpoints(self._leases, self._blobs, elsewhere)

        def send(op, holding, missing, sent, tell):
            for digest, file in missing.items():
                sent[digest] = holding.next_blob(digest)
                waiting.append(self._blobs.write(op, holding.workspace, sent[digest], file.path.read_bytes()))
            yield from ()

        other._send = send
        done = yield from real(other, op, holding, files, kept, tell)
        for plan in waiting:
            yield from plan
        return done

    monkeypatch.setattr(Checkpoints, "save", save)


def names_blobs_by_their_content(monkeypatch) -> None:
    monkeypatch.setattr(Holding, "next_blob", lambda self, digest: blob_name("any", 0, digest))


def names_blobs_by_their_content_and_keeps_what_is_there(monkeypatch) -> None:
    names_blobs_by_their_content(monkeypatch)
    real = Blobs.send

    def send(self, op, workspace, blob, file, progress):
        place = f".statekit/scratch/{workspace}/{blob}"
        if (yield from self.objects._stat(op, place)) is None:
            yield from real(self, op, workspace, blob, file, progress)

    monkeypatch.setattr(Blobs, "send", send)


def reads_the_record_before_it_lists(monkeypatch) -> None:
    real, before = Sweep._spared, Sweep._listed

    def listed(self, cursor):
        from .workspaces import ID

        self.early = yield from real(self, ID)
        return (yield from before(self, cursor))

    def spared(self, workspace):
        yield from ()
        return self.early

    monkeypatch.setattr(Sweep, "_listed", listed)
    monkeypatch.setattr(Sweep, "_spared", spared)


def spares_the_named_only(monkeypatch) -> None:
    monkeypatch.setattr(
        _Spared, "spares", lambda self, blob: bool(self.lease) and blob in {*self.named, self.lease.manifest}
    )


def deletes_after_a_commit_of_unknown_outcome(monkeypatch) -> None:
    real = Checkpoints._publish

    def publish(self, op, holding, before, after):
        base = holding.manifest[0]
        try:
            return (yield from real(self, op, holding, before, after))
        except IndeterminateError:
            holding.manifest = ("", after)
            op.spare()
            yield from self._drop(op, holding, base, before)
            raise

    monkeypatch.setattr(Checkpoints, "_publish", publish)


def commits_on_whatever_manifest_is_there(monkeypatch) -> None:
    real = Leases.change

    def change(self, op, holding, make):
        def anyhow(lease):
            return make(msgspec.structs.replace(lease, manifest=holding.manifest[0]))

        return (yield from real(self, op, holding, anyhow))

    monkeypatch.setattr(Leases, "change", change)


def deletes_an_expired_record_whatever_it_is_by_now(monkeypatch) -> None:
    from statekit._core.scratch import sweep

    monkeypatch.setattr(sweep, "Match", lambda _: ANY)


def takes_a_missing_manifest_for_an_empty_one(monkeypatch) -> None:
    real = Sweep._spared

    def spared(self, workspace):
        try:
            return (yield from real(self, workspace))
        except CorruptDataError:
            return _Spared()

    def read(self, op, workspace, blob):
        from statekit.errors import NotFoundError

        yield from ()
        raise NotFoundError

    def judge(self, group):
        blobs = self._blobs
        self._blobs = Blobs(blobs.objects, blobs.driver, blobs.prefix)
        self._blobs.read = read.__get__(self._blobs)
        return (yield from real_judge(self, group))

    real_judge = Sweep._judge
    monkeypatch.setattr(Sweep, "_judge", judge)
    monkeypatch.setattr(Sweep, "_spared", spared)


MUTANTS: Final[dict[str, Mutant]] = {
    "a lease that is not exclusive": Mutant(
        takes_what_is_held,
        lambda: WorkspaceCase({"takes over": takes_over("z")}, setup=held("x"), bounds=Bounds(0)),
        "a lease was taken while it was held",
    ),
    "a holder that nobody checks": Mutant(
        checks_no_holder,
        CASES["a takeover beside a checkpoint"],
        "the successor's checkpoint of ('z',) is lost",
    ),
    "its own renewal taken for a lost lease †": Mutant(
        takes_its_own_renewal_for_a_lost_lease,
        CASES["a checkpoint beside its own renewal"],
        "was told that its lease was lost, and nobody took it",
    ),
    "a plain counter as fencing token †": Mutant(
        counts_tokens_from_one,
        CASES["a sweep of an expired workspace beside an acquisition"],
        "a fencing token is no larger than one before the sweep",
    ),
    "a manifest before its files": Mutant(
        publishes_the_manifest_before_the_files,
        CASES["a sweep beside a checkpoint"],
        "the current checkpoint names a file that is not there",
    ),
    "plain content addressing †": Mutant(
        names_blobs_by_their_content,
        CASES["a sweep beside a checkpoint"],
        "is not there",
    ),
    "plain content addressing that skips what is there †": Mutant(
        names_blobs_by_their_content_and_keeps_what_is_there,
        CASES["a sweep beside a checkpoint"],
        "is not there",
    ),
    "a sweep that reads the record before it lists †": Mutant(
        reads_the_record_before_it_lists,
        CASES["a sweep of a free workspace beside an acquisition"],
        "is not there",
    ),
    "a sweep that does not spare the current holder †": Mutant(
        spares_the_named_only,
        CASES["a sweep beside a checkpoint"],
        "is not there",
    ),
    "a holder that deletes after an unknown commit †": Mutant(
        deletes_after_a_commit_of_unknown_outcome,
        lambda: WorkspaceCase({"checkpoints": checkpoints(("y",))}, setup=held("x"), bounds=Bounds(1, 1)),
        "is not there",
    ),
    "a checkpoint on a manifest that it has not read": Mutant(
        commits_on_whatever_manifest_is_there,
        CASES["two checkpoints, the first one's outcome unknown, and a sweep"],
        "names a file that is not there",
    ),
    "a sweep that deletes a record whatever it is by now": Mutant(
        deletes_an_expired_record_whatever_it_is_by_now,
        CASES["a sweep of an expired workspace beside an acquisition"],
        "is gone",
    ),
    "a sweep that takes a missing manifest for an empty one": Mutant(
        takes_a_missing_manifest_for_an_empty_one,
        CASES["a sweep beside a checkpoint"],
        "is not there",
    ),
}  # fmt: skip
