"""DynamoDB and S3, side by side in one run with bare boto3 doing the same job: CPU of the client and wall time.

Starts dynalite and SeaweedFS on free ports and stops them. Both are slower than Amazon's and share this machine's
processors with the client: the ratios mean something, and the times little. At 256 MiB the other side is s3transfer,
with what ``upload_fileobj`` and ``download_fileobj`` do by default. Where obstore is installed, it stands beside S3.
"""

from __future__ import annotations

import argparse
import io
import secrets
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import msgspec
from botocore.config import Config

import statekit
from statekit_conformance.engines import engine as engine_named
from statekit_conformance.engines.vendor import ACCESS_KEY, REGION, SECRET_KEY

DATA = {f"key-{i}": "x" * 85 for i in range(10)}
KIB, MIB = 1 << 10, 1 << 20
KEYS = {"region_name": REGION, "aws_access_key_id": ACCESS_KEY, "aws_secret_access_key": SECRET_KEY}
PATH_STYLE = {"addressing_style": "path"}


class BareRecords:
    """What a careful application would write by hand: an item, a version, msgpack, and a condition for saving."""

    def __init__(self, client: Any, table: str) -> None:
        self.client, self.table = client, table
        self.version = secrets.token_hex(8)
        client.put_item(TableName=table, Item=self.item(DATA))

    def item(self, data: dict[str, Any]) -> dict[str, Any]:
        """Return the item."""
        return {"k": {"S": "bare"}, "v": {"S": self.version}, "d": {"B": msgspec.msgpack.encode(data)}}

    def load(self) -> Any:
        """Read one value of it."""
        found = self.client.get_item(TableName=self.table, Key={"k": {"S": "bare"}}, ConsistentRead=True)
        return msgspec.msgpack.decode(found["Item"]["d"]["B"])["key-1"]

    def save(self, data: dict[str, Any]) -> None:
        """Store it over the version before."""
        before, self.version = self.version, secrets.token_hex(8)
        self.client.put_item(
            TableName=self.table,
            Item=self.item(data),
            ConditionExpression="v = :v",
            ExpressionAttributeValues={":v": {"S": before}},
        )


def measure(sides: list[Callable[[], object]], count: int, rounds: int) -> list[tuple[float, float]]:
    """Return the median CPU and wall time of each in milliseconds, taken in turns."""
    found: list[list[tuple[float, float]]] = [[] for _ in sides]
    for side in sides:
        side()  # connections and caches
    for _ in range(rounds):
        for rows, side in zip(found, sides, strict=True):
            cpu, wall = time.process_time(), time.perf_counter()
            for _ in range(count):
                side()
            rows.append(((time.process_time() - cpu) / count * 1e3, (time.perf_counter() - wall) / count * 1e3))
    return [(statistics.median(cpu for cpu, _ in rows), statistics.median(wall for _, wall in rows)) for rows in found]


def show(name: str, figures: list[tuple[float, float]]) -> None:
    """Print one row: ours, theirs, the ratios, and obstore's if it is there."""
    (cpu, wall), (bare_cpu, bare_wall), *others = figures
    more = "".join(f"{other_cpu:10.2f}{other_wall:10.2f}" for other_cpu, other_wall in others)
    ratios = f"{cpu / bare_cpu:7.2f}", f"{wall / bare_wall:7.2f}"
    print(f"{name:26}{cpu:10.2f}{bare_cpu:10.2f}{ratios[0]}{wall:10.2f}{bare_wall:10.2f}{ratios[1]}{more}", flush=True)


def sessions(state: Any, client: Any, table: str) -> None:
    """Load and save a session of 1 KiB."""
    bare, session, number = BareRecords(client, table), state.sessions.create(DATA), iter(range(10**9))

    def load() -> None:
        state.sessions.load(session.id)["key-1"]

    def save() -> None:
        session["key-1"] = f"{next(number):085d}"
        state.sessions.save(session)

    def save_bare() -> None:
        bare.save({**DATA, "key-1": f"{next(number):085d}"})

    show("load, 1 KiB session", measure([load, bare.load], 100, 9))
    show("save, 1 KiB session", measure([save, save_bare], 100, 9))


def objects(state: Any, client: Any, bucket: str, other: Any) -> None:
    """Put and get small objects."""
    for size, count in ((KIB, 60), (MIB, 12)):
        blob, name = secrets.token_bytes(size), f"{size // KIB} KiB object"
        put: list[Callable[[], object]] = [
            lambda: state.objects.put("o", blob),
            lambda: client.put_object(Bucket=bucket, Key="bare", Body=blob),
        ]

        def read() -> bytes:
            return bytes(client.get_object(Bucket=bucket, Key="bare")["Body"].read())

        get: list[Callable[[], object]] = [lambda: state.objects.get("o").data, read]
        if other is not None:
            put.append(lambda: other[0].put(other[1], "other", blob))
            get.append(lambda: bytes(other[0].get(other[1], "other").bytes()))
        show(f"put, {name}", measure(put, count, 9))
        show(f"get, {name}", measure(get, count, 9))


def large(state: Any, client: Any, bucket: str, other: Any, size: int) -> None:
    """Put and get one object in parts, beside s3transfer."""
    blob, name = secrets.token_bytes(size), f"{size // MIB} MiB object"

    def download() -> bytes:
        into = io.BytesIO()
        client.download_fileobj(bucket, "bare", into)
        return into.getvalue()

    put: list[Callable[[], object]] = [
        lambda: state.objects.put("o", blob),
        lambda: client.upload_fileobj(io.BytesIO(blob), bucket, "bare"),
    ]
    get: list[Callable[[], object]] = [lambda: state.objects.get("o").data, download]
    if other is not None:
        put.append(lambda: other[0].put(other[1], "other", blob))
        get.append(lambda: bytes(other[0].get(other[1], "other").bytes()))
    show(f"put, {name}", measure(put, 1, 5))
    show(f"get, {name}", measure(get, 1, 9))
    assert state.objects.get("o").data == blob == download()


def obstore_for(endpoint: str, bucket: str) -> Any:
    """Return obstore and a store of its own, or None where it is not installed."""
    try:
        import obstore
        from obstore.store import S3Store
    except ImportError:
        return None
    access = {"access_key_id": ACCESS_KEY, "secret_access_key": SECRET_KEY, "region": REGION}
    return obstore, S3Store(bucket, endpoint=endpoint, client_options={"allow_http": True}, **access)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--large", type=int, default=256, metavar="MIB")
    size = parser.parse_args().large * MIB
    engines = [engine_named("dynalite"), engine_named("seaweedfs")]
    with tempfile.TemporaryDirectory() as folder:
        try:
            for engine in engines:
                engine.start(Path(folder) / engine.name)
            run(engines[0].endpoints["dynamodb"], engines[1].endpoints["s3"], size)
        finally:
            for engine in engines:
                engine.stop()


def run(dynamodb: str, s3: str, size: int) -> None:
    """Measure everything."""
    url = f"aws://?table=bench&bucket=bench&dynamodb_endpoint={dynamodb}&s3_endpoint={s3}"
    session = boto3.Session(**KEYS)
    with statekit.open(url, client=session) as state:
        state.provision()
    records = session.client("dynamodb", endpoint_url=dynamodb)
    store = session.client("s3", endpoint_url=s3, config=Config(s3=PATH_STYLE))
    other = obstore_for(s3, "bench")
    heads = "CPU ours", "boto3", "ratio", "wall ours", "boto3", "ratio"
    print(f"{'ms':26}{heads[0]:>10}{heads[1]:>10}{heads[2]:>7}{heads[3]:>10}{heads[4]:>10}{heads[5]:>7}", end="")
    print(f"{'obstore':>10}{'wall':>10}" if other else "")
    with statekit.open(url, client=session, namespace="bench", timeout=120) as state:
        sessions(state, records, "bench")
        objects(state, store, "bench", other)
        large(state, store, "bench", other, size)


if __name__ == "__main__":
    main()
