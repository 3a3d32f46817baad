"""Thumbnails of photographs, made by workers that may be killed: fetch, work, checkpoint, publish.

    python -m pip install statekit Pillow scikit-image
    python examples/thumbnails.py                  # in a fresh directory
    python examples/thumbnails.py redis://host/0   # or anywhere else

A worker makes one thumbnail after the other in a named workspace, and takes a checkpoint after each. It is killed
halfway; the next one waits until its lease has lapsed, finds what was done, makes the rest, and publishes everything
once. What is published equals, byte for byte, what a worker makes that nobody disturbs.

The photographs are those that scikit-image ships; without it some are drawn.
"""

from __future__ import annotations

import io
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

from PIL import Image

import statekit

SIZE = (160, 160)
SCRATCH = {"quota": 256 * 1024 * 1024, "lease": timedelta(seconds=1), "ttl": timedelta(hours=1)}
"""A lease of a second, so that nobody who watches has to wait for a dead worker's for long."""


def photographs() -> Iterator[tuple[str, bytes]]:
    """Yield names and bytes of photographs."""
    spec = find_spec("skimage")
    folder = Path(spec.origin).parent / "data" if spec and spec.origin else Path()
    names = ("astronaut.png", "chelsea.png", "coffee.png", "hubble_deep_field.jpg", "retina.jpg", "rocket.jpg")
    for number, name in enumerate(names):
        if (folder / name).is_file():
            yield name, (folder / name).read_bytes()
        else:
            drawn = Image.radial_gradient("L").resize((1200, 900)).rotate(30 * number)
            buffer = io.BytesIO()
            drawn.save(buffer, "PNG" if name.endswith("png") else "JPEG")
            yield name, buffer.getvalue()


def work(state: statekit.State, job: str, target: str) -> None:
    """Make thumbnails of all photographs, or those that an earlier worker has left to do, and publish them."""
    with state.scratch.workspace(job, wait=60) as workspace:
        done = workspace.files()
        for photo in state.objects.list("photos/"):
            name = f"{Path(photo.key).stem}.jpg"
            if name in done:
                continue
            original = workspace.fetch(state.objects, photo.key)
            with Image.open(original) as image:
                image.thumbnail(SIZE)
                image.convert("RGB").save(workspace / name, "JPEG", quality=85)
            workspace.remove(photo.key)
            workspace.checkpoint()
            print(f"made {name}", flush=True)
        for name in workspace.files():
            if not state.objects.exists(f"{target}/{name}"):
                workspace.publish(name, state.objects, f"{target}/{name}", content_type="image/jpeg", if_absent=True)


def worker(*arguments: str) -> subprocess.Popen[str]:
    """Start this file as a worker process."""
    command = [sys.executable, __file__, "--work", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603 - this very file


def said(process: subprocess.Popen[str]) -> Iterator[str]:
    """Yield what a worker says, until it has ended."""
    assert process.stdout is not None
    with process.stdout as lines:
        for line in lines:
            yield line.strip()
    process.wait()


def show(url: str) -> None:
    """Kill a worker halfway, and let another one finish."""
    with statekit.open(url, namespace="thumbnails") as state:
        for name, data in photographs():
            state.objects.put(f"photos/{name}", data)
        first = worker(url, "job", "thumbnails")
        for count, line in enumerate(said(first), 1):
            print(f"first worker {line}")
            if count == 3:
                first.kill()
        print("first worker was killed; the second one waits for its lease to lapse")
        for line in said(worker(url, "job", "thumbnails")):
            print(f"second worker {line}")
        for _ in said(worker(url, "undisturbed", "undisturbed")):
            pass
        published = {info.key.removeprefix("thumbnails/"): info for info in state.objects.list("thumbnails/")}
        for name, info in published.items():
            thumbnail = state.objects.get(info.key).data
            assert thumbnail == state.objects.get(f"undisturbed/{name}").data, name
            print(f"published {info.key}: {info.size} bytes")
        print(f"{len(published)} thumbnails, the same bytes as without the accident")


def main(arguments: list[str]) -> None:
    """Show it, or be a worker."""
    if arguments[:1] == ["--work"]:
        with statekit.open(arguments[1], namespace="thumbnails", scratch=SCRATCH) as state:
            work(state, *arguments[2:])
    elif arguments:
        show(arguments[0])
    else:
        with tempfile.TemporaryDirectory() as directory:
            show(f"local:{quote(directory)}")


if __name__ == "__main__":
    main(sys.argv[1:])
