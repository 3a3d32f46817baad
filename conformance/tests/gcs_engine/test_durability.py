"""Kills: acknowledged writes are there after SIGKILL, others are whole or absent, and nothing repeats."""

import io
import os
import threading

import pytest
import requests
import urllib3
from google.api_core import exceptions
from google.cloud.storage._media.requests import ResumableUpload

KILLS, WRITERS = 4, 6
GONE = (requests.exceptions.RequestException, exceptions.GoogleAPICallError, urllib3.exceptions.HTTPError)


@pytest.fixture
def engine(start_engine):
    return start_engine()


def write_until_killed(engine, writer, round_, acknowledged, begun):
    """Write generation-checked values until the connection dies; note what was acknowledged."""
    client = engine.client()
    bucket = client.bucket("durable")
    count = 0
    try:
        while True:
            count += 1
            name, size = f"w{writer}-{count % 5}", (100, 70_000, 5_000_000)[count % 3]
            begun[name] = data = f"{round_}.{count}.".encode() + os.urandom(size)
            blob = bucket.blob(name)
            blob.upload_from_string(data, retry=None, timeout=10)
            acknowledged[name] = (data, blob.generation)
    except GONE:
        return
    finally:
        client.close()


def test_acknowledged_writes_survive_kills_under_concurrent_writes(engine):
    client = engine.client()
    client.create_bucket("durable")
    client.close()
    newest = 0
    for round_ in range(KILLS):
        acknowledged, begun = {}, {}
        writers = [
            threading.Thread(target=write_until_killed, args=(engine, writer, round_, acknowledged, begun))
            for writer in range(WRITERS)
        ]
        for thread in writers:
            thread.start()
        while len(acknowledged) < 20 and any(thread.is_alive() for thread in writers):
            threading.Event().wait(0.01)
        engine.kill()
        for thread in writers:
            thread.join()
        engine.start()
        client = engine.client()
        bucket = client.bucket("durable")
        assert len(acknowledged) >= 20
        for name, (data, generation) in acknowledged.items():
            blob = bucket.get_blob(name)
            stored = blob.download_as_bytes()
            assert stored == data if blob.generation == generation else stored == begun[name]
            newest = max(newest, blob.generation)
        later = bucket.blob("later")
        later.upload_from_string(b"x")
        assert later.generation > newest
        client.close()


def test_a_resumable_upload_goes_on_after_a_kill(engine):
    data = os.urandom(3 * 1024 * 1024 + 17)
    client = engine.client()
    client.create_bucket("durable")
    url = f"{engine.url}/upload/storage/v1/b/durable/o?uploadType=resumable&ifGenerationMatch=0"
    upload = ResumableUpload(url, 1024 * 1024, checksum="crc32c")
    with requests.Session() as session:
        upload.initiate(session, io.BytesIO(data), {"name": "large", "metadata": {"k": "v"}}, "text/plain")
        upload.transmit_next_chunk(session)
        engine.kill()
        engine.start()
        status = session.put(upload.resumable_url, headers={"Content-Range": f"bytes */{len(data)}"})
        assert (status.status_code, status.headers["Range"]) == (308, f"bytes=0-{1024 * 1024 - 1}")
        while not upload.finished:
            upload.transmit_next_chunk(session)
        again = session.put(upload.resumable_url, headers={"Content-Range": f"bytes */{len(data)}"})
        assert again.json()["size"] == str(len(data))
    blob = client.bucket("durable").get_blob("large")
    assert (blob.content_type, blob.metadata) == ("text/plain", {"k": "v"})
    assert blob.download_as_bytes() == data
    client.close()


def test_a_rewrite_goes_on_after_a_kill(start_engine):
    engine = start_engine("--rewrite-step", str(1024 * 1024))
    data = os.urandom(2 * 1024 * 1024 + 5)
    client = engine.client()
    bucket = client.create_bucket("durable")
    source, copy = bucket.blob("source"), bucket.blob("copy")
    source.upload_from_string(data)
    token, rewritten, total = copy.rewrite(source)
    assert (rewritten, total, copy.exists()) == (1024 * 1024, len(data), False)
    engine.kill()
    engine.start()
    steps = 1
    while token is not None:
        token, rewritten, total = copy.rewrite(source, token=token)
        steps += 1
    assert (steps, rewritten, total) == (3, len(data), len(data))
    assert copy.download_as_bytes() == data
    client.close()


def test_a_directory_serves_one_engine(engine):
    with pytest.raises(pytest.fail.Exception, match="another engine serves"):
        type(engine)(engine.data)


def test_only_loopback_unless_told(tmp_path):
    import subprocess
    import sys

    command = [sys.executable, "-m", "statekit_conformance.engines.gcs", "--port", "0", "--host", "0.0.0.0"]
    ended = subprocess.run([*command, "--data", str(tmp_path)], capture_output=True, text=True, timeout=30, check=False)
    assert ended.returncode != 0
    assert "test engine" in ended.stderr
