"""Who tests the cases about workspaces: each fails on a scratch space with the defect that it is about."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from statekit._core.scratch import crew, lease, local, tree, workspace
from statekit._core.scratch.checkpoint import Blobs, Checkpoints
from statekit._core.scratch.lease import Holding, Leases
from statekit._core.scratch.local import Directory, Root
from statekit._core.scratch.workspace import WorkspacePlans
from statekit.errors import StateError
from statekit.types import ScratchPolicy
from statekit_conformance.scratch import test_checkpoints as checkpoints
from statekit_conformance.scratch import test_directories as directories
from statekit_conformance.scratch import test_leases as leases
from statekit_conformance.scratch import test_transfers as transfers
from statekit_conformance.site import Site
from statekit_conformance.subject import Subject

Patch = pytest.MonkeyPatch
FOUND = (AssertionError, StateError, OSError, pytest.fail.Exception)
"""What a case may raise that finds something; anything else would be a mistake of the mutant's."""


def directories_are_shared(patch: Patch) -> None:
    made: list[Directory] = []
    real = Root.create

    def create(self: Root) -> Directory:
        made.append(made[0] if made else real(self))
        return made[-1]

    patch.setattr(Root, "create", create)


def directories_stay(patch: Patch) -> None:
    patch.setattr(Directory, "remove", lambda self: None)


def directories_are_open_to_all(patch: Patch) -> None:
    real = Path.mkdir
    patch.setattr(local.Path, "mkdir", lambda self, mode=0o777, **options: real(self, 0o755, **options))


def links_are_followed(patch: Patch) -> None:
    patch.setattr(tree, "_mode", lambda path: path.stat().st_mode if path.exists() else None)


def any_name_will_do(patch: Patch) -> None:
    patch.setattr(tree, "check_key", lambda name: None)


def the_quota_counts_no_fetched_files(patch: Patch) -> None:
    patch.setattr(WorkspacePlans, "_admit", lambda self, name, size: None)


def the_quota_counts_bytes_only(patch: Patch) -> None:
    real = tree.Quota.check
    patch.setattr(tree.Quota, "check", lambda self, usage: real(self, tree.Usage(0, usage.size)))


def a_replaced_file_counts_twice(patch: Patch) -> None:
    patch.setattr(workspace, "weigh", lambda directory, *, without=(): tree.weigh(directory))


def a_held_lease_is_given_away(patch: Patch) -> None:
    patch.setattr(lease, "SKEW", -(10**9))


def a_lapsed_lease_is_given_away_at_once(patch: Patch) -> None:
    patch.setattr(lease, "SKEW", 0)


def nobody_checks_the_holder(patch: Patch) -> None:
    def mine(self: Leases, op: Any, holding: Holding, stored: Any) -> Any:
        if stored is None:
            raise lease.lost()
        holding.stored = stored
        return holding.lease

    patch.setattr(Leases, "_mine", mine)


def a_lapsed_lease_is_lost(patch: Patch) -> None:
    real = Leases._mine

    def mine(self: Leases, op: Any, holding: Holding, stored: Any) -> Any:
        found = real(self, op, holding, stored)
        if found.lease_until < op.now:
            raise lease.lost()
        return found

    patch.setattr(Leases, "_mine", mine)


def an_expired_workspace_comes_back(patch: Patch) -> None:
    patch.setattr(lease, "expired", lambda stored, now: False)


def nothing_is_released(patch: Patch) -> None:
    def release(self: Leases, op: Any, holding: Holding) -> Any:
        yield from ()

    patch.setattr(Leases, "release", release)


def everything_is_sent_again(patch: Patch) -> None:
    real = Checkpoints._send

    def send(self: Checkpoints, op: Any, holding: Holding, missing: Any, sent: Any, tell: Any) -> Any:
        for entry in holding.manifest[1].entries:
            blob = yield from self._blobs.read(op, holding.workspace, entry.blob)
            yield from self._blobs.write(op, holding.workspace, entry.blob, blob)
        yield from real(self, op, holding, missing, sent, tell)

    patch.setattr(Checkpoints, "_send", send)


def what_was_not_fetched_is_forgotten(patch: Patch) -> None:
    real = Checkpoints.save

    def save(self: Checkpoints, op: Any, holding: Holding, files: Any, kept: Any, tell: Any) -> Any:
        return (yield from real(self, op, holding, files, {}, tell))

    patch.setattr(Checkpoints, "save", save)


def restoring_overwrites_what_was_changed(patch: Patch) -> None:
    patch.setattr(workspace, "names", lambda directory: frozenset())


def blobs_are_objects_like_any_others(patch: Patch) -> None:
    from statekit._core.scratch import places

    patch.setattr(places, "BLOBS", "scratch/")


def a_checkpoint_is_published_file_by_file(patch: Patch) -> None:
    real = Blobs.write

    def write(self: Blobs, op: Any, workspace: str, blob: str, data: bytes) -> Any:
        yield from real(self, op, workspace, blob, data[:-1])

    patch.setattr(Blobs, "write", write)


def progress_tells_pieces(patch: Patch) -> None:
    def add(self: crew.Progress, size: int) -> None:
        if self._tell is not None:
            self._tell(size, self._total)

    patch.setattr(crew.Progress, "add", add)


def a_condition_of_publishing_is_dropped(patch: Patch) -> None:
    from statekit._core.objects.describe import Put

    real = WorkspacePlans.publish

    def publish(self, timeout, objects, there, name, key, put, tell):
        return real(self, timeout, objects, there, name, key, Put(content_type=put.content_type), tell)

    patch.setattr(WorkspacePlans, "publish", publish)


MUTANTS: list[tuple[Callable[[Patch], None], Callable[..., None], dict[str, Any]]] = [
    (directories_are_shared, directories.test_two_workspaces_see_nothing_of_each_other, {}),
    (directories_stay, directories.test_an_exception_leaves_nothing_either, {}),
    (directories_are_open_to_all, directories.test_a_workspace_is_a_private_empty_directory_below_the_root, {}),
    (links_are_followed, directories.test_a_link_leads_nowhere, {}),
    (any_name_will_do, directories.test_a_name_outside_the_grammar_is_refused, {"name": "../a"}),
    (the_quota_counts_no_fetched_files, directories.test_a_fetch_over_the_quota_brings_nothing, {}),
    (the_quota_counts_bytes_only, directories.test_the_quota_of_files_is_exact, {}),
    (a_replaced_file_counts_twice, directories.test_the_quota_of_bytes_is_exact, {}),
    (a_held_lease_is_given_away, leases.test_a_held_workspace_is_busy, {}),
    (a_lapsed_lease_is_given_away_at_once, leases.test_busy_is_not_until_two_seconds_after_the_lease_lapsed, {}),
    (nobody_checks_the_holder, leases.test_an_old_holder_changes_nothing, {}),
    (nobody_checks_the_holder, leases.test_an_old_holder_that_leaves_does_not_free_the_new_ones_lease, {}),
    (a_lapsed_lease_is_lost, leases.test_a_lapsed_lease_that_nobody_took_is_renewed, {}),
    (an_expired_workspace_comes_back, leases.test_a_workspace_is_gone_at_its_expiry_to_the_millisecond, {}),
    (nothing_is_released, leases.test_leaving_frees_the_name_and_keeps_the_checkpoint, {}),
    (everything_is_sent_again, checkpoints.test_an_unchanged_checkpoint_is_one_conditional_write, {}),
    (what_was_not_fetched_is_forgotten, checkpoints.test_what_was_not_fetched_stays_in_the_next_checkpoint, {}),
    (restoring_overwrites_what_was_changed, checkpoints.test_a_restored_file_that_was_changed_stays_changed, {}),
    (blobs_are_objects_like_any_others, checkpoints.test_files_of_workspaces_are_no_objects, {}),
    (a_checkpoint_is_published_file_by_file, checkpoints.test_a_checkpoint_of_nothing_is_one, {}),
    (progress_tells_pieces, transfers.test_a_checkpoint_and_its_restoring_tell_how_far_they_have_come, {}),
    (a_condition_of_publishing_is_dropped, transfers.test_publishing_under_a_condition, {}),
]


@pytest.fixture
def asked(tmp_path: Path) -> Iterator[Callable[..., None]]:
    """Return what asks a case of a target in memory."""
    subject = Subject(Site("memory", ("memory:mutants", "memory:mutants")), "sync")

    def ask(case: Callable[..., None], given: dict[str, Any]) -> None:
        import inspect
        import random

        every = {
            "view": subject.open(),
            "small": subject.open(scratch=ScratchPolicy(quota=1000, files=3)),
            "subject": subject,
            "tmp_path": tmp_path,
            "noise": lambda size, seed=0: random.Random(seed).randbytes(size),
            **given,
        }
        case(**{name: every[name] for name in inspect.signature(case).parameters})

    yield ask
    subject.close()
    subject.clear()


@pytest.mark.parametrize(("mutant", "case", "given"), MUTANTS, ids=lambda value: getattr(value, "__name__", ""))
def test_a_case_finds_the_defect(asked: Any, mutant: Any, case: Any, given: Any, monkeypatch: Patch) -> None:
    mutant(monkeypatch)
    with pytest.raises(FOUND):
        asked(case, given)


@pytest.mark.parametrize(("mutant", "case", "given"), MUTANTS, ids=lambda value: getattr(value, "__name__", ""))
def test_and_passes_without_it(asked: Any, mutant: Any, case: Any, given: Any) -> None:
    asked(case, given)
