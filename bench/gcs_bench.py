"""Google Cloud Storage, side by side in one run with bare google-cloud-storage doing the same job.

Starts the suite's engine on a free port and stops it. It is a Python process on the same processors as the client: the
ratios mean something, and the times little. Bare means what a careful application would write by hand: retries off, a
condition on the generation, checksums, the client's defaults otherwise. At 256 MiB the other side is the library's own
transfer manager, in threads and with its defaults otherwise; its uploads in chunks take no conditions. A stream has one
connection on either side.
"""

from __future__ import annotations

import argparse
import itertools
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage
from google.cloud.storage import transfer_manager

import statekit
from statekit_conformance.engines import engine as engine_named

DATA = {f"key-{i}": "x" * 85 for i in range(10)}
KIB, MIB = 1 << 10, 1 << 20
BUCKET = "statekit-bench"
ONCE: dict[str, Any] = {"retry": None, "timeout": 60}


class Bare:
    """The same job by google-cloud-storage alone."""

    def __init__(self, bucket: Any) -> None:
        self.bucket = bucket
        self.save(DATA)

    def load(self) -> Any:
        """Read a session: body and generation in one request, and no metadata."""
        data = self.bucket.blob("bare").download_as_bytes(**ONCE)
        return msgspec.msgpack.decode(data)["key-1"]

    def save(self, data: dict[str, Any]) -> None:
        """Store a session over the generation before."""
        blob, before = self.bucket.blob("bare"), getattr(self, "generation", 0)
        body = msgspec.msgpack.encode(data)
        blob.upload_from_string(body, if_generation_match=before, checksum="crc32c", **ONCE)
        self.generation = blob.generation

    def put(self, key: str, data: bytes) -> None:
        """Store an object with metadata."""
        blob = self.bucket.blob(key)
        blob.metadata = {"write-id": "w" * 16}
        blob.upload_from_string(data, content_type="text/plain", checksum="crc32c", **ONCE)

    def get(self, key: str) -> bytes:
        """Read an object, with a checksum."""
        data: bytes = self.bucket.blob(key).download_as_bytes(checksum="crc32c", **ONCE)
        return data


def measure(ours: Callable[[], object], bare: Callable[[], object], count: int, rounds: int) -> tuple[float, ...]:
    """Return the median CPU and wall time of both in microseconds, taken in turns."""
    found: dict[Callable[[], object], list[tuple[float, float]]] = {ours: [], bare: []}
    for _ in range(rounds):
        for function, rows in found.items():
            cpu, wall = time.process_time(), time.perf_counter()
            for _ in range(count):
                function()
            rows.append(((time.process_time() - cpu) / count * 1e6, (time.perf_counter() - wall) / count * 1e6))
    return tuple(statistics.median(row[i] for row in found[f]) for f in (ours, bare) for i in (0, 1))


def show(name: str, figures: tuple[float, ...]) -> None:
    """Print one row."""
    cpu, wall, bare_cpu, bare_wall = figures
    row = f"{cpu:11.0f} {bare_cpu:11.0f} {cpu / bare_cpu:6.2f} {wall:12.0f} {bare_wall:12.0f} {wall / bare_wall:6.2f}"
    print(f"{name:24} {row}")


def sessions(state: Any, bare: Bare, rounds: int) -> None:
    """Load, and save of a change."""
    session, number = state.sessions.create(DATA), itertools.count()

    def save() -> None:
        session["n"] = next(number)
        state.sessions.save(session)

    show("load 1 KiB", measure(lambda: state.sessions.load(session.id)["key-1"], bare.load, 60, rounds))
    show("save 1 KiB", measure(save, lambda: bare.save({**DATA, "n": next(number)}), 60, rounds))


def objects(state: Any, bare: Bare, size: int, count: int, rounds: int) -> None:
    """Put and get of one request."""
    data, name = os.urandom(size), f"{size // KIB} KiB" if size < MIB else f"{size // MIB} MiB"

    def put() -> None:
        state.objects.put("ours", data, content_type="text/plain")

    show(f"put {name}", measure(put, lambda: bare.put("theirs", data), count, rounds))
    show(f"get {name}", measure(lambda: state.objects.get("ours").data, lambda: bare.get("theirs"), count, rounds))


def large(state: Any, bucket: Any, size: int, rounds: int) -> None:
    """Put and get of a file in parts."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "source"), Path(folder, "target")
        source.write_bytes(os.urandom(size))
        blob = bucket.blob("large")
        name = f"{size // MIB} MiB"

        def put() -> None:
            state.objects.put("large", source)

        def upload() -> None:
            transfer_manager.upload_chunks_concurrently(str(source), blob, worker_type=transfer_manager.THREAD)

        def stream() -> None:
            with state.objects.open("large") as reader, target.open("wb") as file:
                shutil.copyfileobj(reader, file, 8 * MIB)

        def download() -> None:
            transfer_manager.download_chunks_concurrently(blob, target, worker_type=transfer_manager.THREAD)

        show(f"put {name}", measure(put, upload, 1, rounds))
        show(f"get {name}", measure(lambda: state.objects.get("large"), download, 1, rounds))
        show(f"stream {name}", measure(stream, lambda: blob.download_to_filename(target), 1, rounds))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--large", type=int, default=256, metavar="MIB", help="0 leaves it out")
    options = parser.parse_args()
    print(f"{'microseconds':24} {'CPU':>11} {'bare':>11} {'ratio':>6} {'wall':>12} {'bare':>12} {'ratio':>6}")
    with tempfile.TemporaryDirectory() as folder, engine_named("gcs") as server:
        server.start(Path(folder))
        url = server.endpoints["gcs"]
        client = storage.Client("statekit", AnonymousCredentials(), client_options={"api_endpoint": url})
        bucket = client.create_bucket(BUCKET)
        place = f"gs://{BUCKET}?endpoint={url}&anonymous=true"
        with statekit.open(place, namespace="bench", timeout=120, attempt_timeout=120) as state:
            bare = Bare(bucket)
            sessions(state, bare, options.rounds)
            objects(state, bare, KIB, 60, options.rounds)
            objects(state, bare, MIB, 10, options.rounds)
            if options.large:
                large(state, bucket, options.large * MIB, max(1, options.rounds // 2))
        client.close()


if __name__ == "__main__":
    main()
