"""What the cases about presigned requests share: a state that can sign, and whoever answers to what it signed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from statekit.driver import AsyncSigningDriver, SigningDriver
from statekit_conformance.presigning.serving import GatewayServer, ThreadedServer, asgi_server
from statekit_conformance.subject import StoreView, Subject

KEYS = ("c3RhdGVraXQgY29uZm9ybWFuY2UgcmluZyBudW1iZXI=",)


@pytest.fixture
def view(subject: Subject) -> Iterator[StoreView]:
    """Return an opening that signs: by its engine, or for a gateway that is served here."""
    if _engine_signs(subject):
        yield subject.open()
        return
    server: GatewayServer = ThreadedServer() if subject.colour == "sync" else asgi_server(subject.site.loop)
    view = subject.open(keys=KEYS, gateway=server.url)
    server.mount(view.state)
    yield view
    server.close()


def _engine_signs(subject: Subject) -> bool:
    opened = subject.site.open(subject.site.settings.objects, subject.clock)
    opened.close()
    return isinstance(opened.drivers.objects, AsyncSigningDriver if opened.native else SigningDriver)
