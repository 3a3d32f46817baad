"""Scratch spaces with one defect each: X-01 to X-23."""

from __future__ import annotations

from pathlib import Path

from statekit._core.objects.describe import Put
from statekit._core.scratch import crew, lease, local, places, sweep, tree, workspace
from statekit._core.scratch.checkpoint import Blobs, Checkpoints
from statekit._core.scratch.forms import Manifest
from statekit._core.scratch.lease import Leases
from statekit._core.scratch.local import Directory, Root
from statekit._core.scratch.sweep import Sweep
from statekit._core.scratch.workspace import WorkspacePlans
from statekit.errors import CorruptDataError

from .mutant import core

# Directories and files


@core("X-01")
def directories_are_shared(exchange):
    made: list[Directory] = []
    real = Root.create

    def create(self):
        made.append(made[0] if made else real(self))
        return made[-1]

    exchange(Root, "create", create)


@core("X-01")
def directories_stay(exchange):
    exchange(Directory, "remove", lambda self: None)


@core("X-01")
def directories_are_open_to_all(exchange):
    real = Path.mkdir
    exchange(local.Path, "mkdir", lambda self, mode=0o777, **options: real(self, 0o755, **options))


@core("X-02", over="local")
def what_the_dead_left_stays(exchange):
    exchange(Root, "_clean", lambda self, root: 0)


@core("X-02", over="local")
def directories_of_the_living_are_removed(exchange):
    exchange(local, "_bury", lambda root, place: place.rename(root / place.name.replace("ws-", "dead-")))


@core("X-03")
def a_forked_child_has_its_parents_workspace(exchange):
    exchange(Directory, "is_ours", property(lambda self: True))


@core("X-04")
def links_are_followed(exchange):
    exchange(tree, "_mode", lambda path: path.stat().st_mode if path.exists() else None)


@core("X-04")
def any_name_will_do(exchange):
    exchange(tree, "check_key", lambda name: None)


@core("X-05")
def the_quota_counts_no_fetched_files(exchange):
    exchange(WorkspacePlans, "_admit", lambda self, name, size: None)


@core("X-05")
def the_quota_counts_bytes_only(exchange):
    real = tree.Quota.check
    exchange(tree.Quota, "check", lambda self, usage: real(self, tree.Usage(0, usage.size)))


@core("X-05")
def a_replaced_file_counts_twice(exchange):
    exchange(workspace, "weigh", lambda directory, *, without=(): tree.weigh(directory))


# Leases


@core("X-06", "X-06.1", over="local")
def a_held_lease_is_given_away(exchange):
    exchange(lease, "SKEW", -(10**9))


@core("X-06")
def a_lapsed_lease_is_given_away_at_once(exchange):
    exchange(lease, "SKEW", 0)


@core("X-11", "X-11.1", over="local")
def nobody_checks_the_holder(exchange):
    def mine(self, op, holding, stored):
        if stored is None:
            raise lease.lost()
        holding.stored = stored
        return holding.lease

    exchange(Leases, "_mine", mine)


@core("X-07")
def every_holder_has_the_same_token(exchange):
    real = lease.Lease
    exchange(lease, "Lease", lambda fence, *rest: real(1, *rest))


@core("X-10")
def a_lapsed_lease_is_lost(exchange):
    real = Leases._mine

    def mine(self, op, holding, stored):
        found = real(self, op, holding, stored)
        if found.lease_until < op.now:
            raise lease.lost()
        return found

    exchange(Leases, "_mine", mine)


@core("X-12")
def a_lapsed_lease_is_never_given_away(exchange):
    exchange(lease, "SKEW", 10**12)


@core("X-23")
def nobody_renews_in_the_background(exchange):
    def keep(self, holding):
        yield from ()

    exchange(WorkspacePlans, "_keep", keep)


@core("X-14")
def an_expired_workspace_comes_back(exchange):
    exchange(lease, "expired", lambda stored, now: False)


@core("X-13")
def nothing_is_released(exchange):
    def release(self, op, holding):
        yield from ()

    exchange(Leases, "release", release)


# Checkpoints


@core("X-08", "X-22", over="local")
def a_checkpoint_is_acknowledged_and_not_published(exchange):
    def publish(self, op, holding, before, after):
        yield from ()
        return True

    exchange(Checkpoints, "_publish", publish)


@core("X-09")
def everything_is_sent_again(exchange):
    real = Checkpoints._send

    def send(self, op, holding, missing, sent, tell):
        for entry in holding.manifest[1].entries:
            blob = yield from self._blobs.read(op, holding.workspace, entry.blob)
            yield from self._blobs.write(op, holding.workspace, entry.blob, blob)
        yield from real(self, op, holding, missing, sent, tell)

    exchange(Checkpoints, "_send", send)


@core("X-15")
def what_was_not_fetched_is_forgotten(exchange):
    real = Checkpoints.save

    def save(self, op, holding, files, kept, tell):
        return (yield from real(self, op, holding, files, {}, tell))

    exchange(Checkpoints, "save", save)


@core("X-15")
def restoring_overwrites_what_was_changed(exchange):
    exchange(workspace, "names", lambda directory: frozenset())


@core("X-21")
def blobs_are_objects_like_any_others(exchange):
    exchange(places, "BLOBS", "scratch/")


@core("X-08")
def a_checkpoint_is_published_file_by_file(exchange):
    real = Blobs.write

    def write(self, op, workspace, blob, data):
        yield from real(self, op, workspace, blob, data[:-1])

    exchange(Blobs, "write", write)


@core("X-20")
def what_is_missing_was_never_there(exchange):
    real = Checkpoints.manifest

    def manifest(self, op, holding):
        try:
            return (yield from real(self, op, holding))
        except CorruptDataError:
            return Manifest()

    exchange(Checkpoints, "manifest", manifest)


@core("X-18")
def an_expired_workspace_stays(exchange):
    exchange(Sweep, "_is_old", lambda self, stored: False)
    exchange(Sweep, "_old", lambda self, items: iter(()))


@core("X-18", "X-19")
def a_sweep_of_workspaces_spares_nothing(exchange):
    exchange(sweep._Spared, "spares", lambda self, blob: False)


@core("X-19")
def a_sweep_spares_only_what_is_published(exchange):
    def spares(self, blob):
        return self.lease is not None and (blob in self.named or blob == self.lease.manifest)

    exchange(sweep._Spared, "spares", spares)


# Transfers


@core("X-17")
def progress_tells_pieces(exchange):
    def add(self, size):
        if self._tell is not None:
            self._tell(size, self._total)

    exchange(crew.Progress, "add", add)


@core("X-16")
def a_condition_of_publishing_is_dropped(exchange):
    real = WorkspacePlans.publish

    def publish(self, timeout, objects, there, name, key, put, tell):
        return real(self, timeout, objects, there, name, key, Put(content_type=put.content_type), tell)

    exchange(WorkspacePlans, "publish", publish)
