"""Sessions in web frameworks, side by side on one valkey in one run with what people use now.

Applications are called in this process, without a server and a network between browser and application, so that what is
left is the framework and its sessions. Each does the same: a page that ignores its session (the floor), one that reads
a session of 1 KiB, one that changes a key, and at last 8 writers of one session at once, each of whom adds its keys.
The candidates of a framework take turns in short rounds, because other programs run, too, and what is told is what the
fastest quarter of the rounds took at most:

* reads/s: requests a second of the page that reads;
* still, read, write +µs: what a request that ignores, reads or writes its session takes longer than a page of the
  framework without any sessions, a view's own thinking left out;
* cpu: what of the reading is this process's own work, which other programs do not disturb;
* trips: requests to the store for each of them;
* lost: updates of the 8 writers that are not there at the end.

A package that is not installed is a printed line.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import redis
import redis.asyncio
import redis.asyncio.connection
import redis.connection

import statekit
from statekit_conformance.engines import engine as engine_named

DATA = {f"key-{i}": "x" * 85 for i in range(10)}
REQUESTS, ROUNDS = 30, 30
WRITERS, WRITES = 8, 25
THINKING = 0.002
"""Seconds that a view takes between reading its session and writing it."""

Call = Callable[[str], Any]


class Trips:
    """Counts what every client of redis-py sends, a pipeline as one."""

    def __init__(self) -> None:
        self.sent = 0
        self._count(redis.connection.AbstractConnection)
        self._count(redis.asyncio.connection.AbstractConnection)

    def _count(self, connection: Any) -> None:
        send = connection.send_packed_command

        def counted(*args: Any, **kwargs: Any) -> Any:
            self.sent += 1
            return send(*args, **kwargs)

        connection.send_packed_command = counted

    def query(self, execute: Any, *args: Any) -> Any:
        """Count a query of Django's database."""
        self.sent += 1
        return execute(*args)


TRIPS = Trips()


class Browser:
    """Keeps the one cookie that it is given."""

    def __init__(self) -> None:
        self.cookie = ""

    def take(self, headers: list[tuple[str, str]]) -> None:
        """Keep the cookie of a response."""
        for name, value in headers:
            if name.lower() == "set-cookie":
                self.cookie = value.partition(";")[0]


def wsgi(application: Any, browser: Browser) -> Call:
    """Return a function that requests a path of a WSGI application."""
    from werkzeug.test import EnvironBuilder, run_wsgi_app

    def call(path: str) -> Any:
        environ = EnvironBuilder(path=path, headers={"Cookie": browser.cookie}).get_environ()
        body, status, headers = run_wsgi_app(application, environ, buffered=True)
        assert status.startswith("200"), (path, status, b"".join(body))
        browser.take(list(headers))
        return b"".join(body)

    return call


def asgi(application: Any, browser: Browser) -> Callable[[str], Awaitable[Any]]:
    """The same for an ASGI application."""

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def call(path: str) -> Any:
        got: list[Any] = []

        async def send(message: Any) -> None:
            got.append(message)

        headers = [(b"host", b"localhost"), (b"cookie", browser.cookie.encode())]
        scope = {"type": "http", "method": "GET", "path": path, "root_path": "", "query_string": b"", "scheme": "https"}
        await application({**scope, "headers": headers}, receive, send)
        assert got[0]["status"] == 200, (path, got)
        browser.take([(name.decode(), value.decode()) for name, value in got[0]["headers"]])
        return b"".join(message.get("body", b"") for message in got[1:])

    return call


def flask_site(prepare: Callable[[Any], None]) -> Any:
    """Return a Flask application with these sessions."""
    from flask import Flask, session

    app = Flask(__name__)
    prepare(app)

    @app.get("/still")
    def still() -> str:
        return "still"

    @app.get("/fill")
    def fill() -> str:
        session.update(DATA)
        return "filled"

    @app.get("/read")
    def read() -> str:
        return str(session["key-1"])

    @app.get("/write/<key>")
    def write(key: str) -> str:
        session.get("key-1")
        time.sleep(THINKING)
        session[key] = time.time_ns()
        return "written"

    @app.get("/count")
    def count() -> str:
        return str(sum(key.startswith("w-") for key in session))

    return app


def starlette_site(middleware: Any, session_of: Callable[[Any], Awaitable[Any]]) -> Any:
    """Return a Starlette application with these sessions."""
    from starlette.applications import Starlette
    from starlette.responses import PlainTextResponse
    from starlette.routing import Route

    async def still(_: Any) -> Any:
        return PlainTextResponse("still")

    async def fill(request: Any) -> Any:
        (await session_of(request)).update(DATA)
        return PlainTextResponse("filled")

    async def read(request: Any) -> Any:
        return PlainTextResponse(str((await session_of(request))["key-1"]))

    async def write(request: Any) -> Any:
        session = await session_of(request)
        await asyncio.sleep(THINKING)
        session[request.path_params["key"]] = time.time_ns()
        return PlainTextResponse("written")

    async def count(request: Any) -> Any:
        return PlainTextResponse(str(sum(key.startswith("w-") for key in await session_of(request))))

    routes = [Route("/still", still), Route("/fill", fill), Route("/read", read)]
    routes += [Route("/write/{key}", write), Route("/count", count)]
    return Starlette(routes=routes, middleware=[middleware] if middleware else [])


def django_urls() -> list[Any]:
    """Return the same pages for Django."""
    from django.http import HttpResponse
    from django.urls import path

    def still(_: Any) -> Any:
        return HttpResponse("still")

    def fill(request: Any) -> Any:
        request.session.update(DATA)
        return HttpResponse("filled")

    def read(request: Any) -> Any:
        return HttpResponse(request.session["key-1"])

    def write(request: Any, key: str) -> Any:
        request.session.get("key-1")
        time.sleep(THINKING)
        request.session[key] = time.time_ns()
        return HttpResponse("written")

    def count(request: Any) -> Any:
        return HttpResponse(sum(key.startswith("w-") for key in request.session.keys()))  # noqa: SIM118 - no mapping

    pages = [path("still", still), path("fill", fill), path("read", read)]
    return [*pages, path("write/<key>", write), path("count", count)]


PAGES, NAMES = ("/still", "/read", "/write/a"), ("still", "read", "write")


@dataclass
class Candidate:
    """One framework with one kind of sessions, and what was measured of it: for each page a figure for each round."""

    name: str
    call: Call
    race: Callable[[], int]
    times: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    work: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    trips: dict[str, float] = field(default_factory=dict)

    def measure(self, pages: tuple[str, ...]) -> None:
        """Measure pages once."""
        for page in pages:
            before, began, worked = TRIPS.sent, time.perf_counter(), time.process_time()
            for _ in range(REQUESTS):
                self.call(page)
            self.times[page].append((time.perf_counter() - began) / REQUESTS * 1e6)
            self.work[page].append((time.process_time() - worked) / REQUESTS * 1e6)
            self.trips[page] = (TRIPS.sent - before) / REQUESTS

    def show(self, floor: Candidate) -> None:
        """Race the writers, and print the row.

        Args:
            floor: A page without sessions.
        """
        still, read, _ = PAGES
        added = [undisturbed(self.times[page]) - undisturbed(floor.times[still]) for page in PAGES]
        added[-1] -= THINKING * 1e6
        added.append(undisturbed(self.work[read]) - undisturbed(floor.work[still]))
        reads = 1e6 / undisturbed(self.times[read])
        figures = [
            f"{reads:8.0f}",
            *(f"{took:8.0f}" for took in added),
            *(f"{self.trips[page]:6.1f}" for page in PAGES),
        ]
        print(f"{self.name:34}", *figures, f"{self.race():6d} of {WRITERS * WRITES}")


def undisturbed(rounds: list[float]) -> float:
    """Return what the fastest quarter of the rounds took at most."""
    return statistics.quantiles(rounds, n=4)[0]


def compare(bare: Call, candidates: list[Candidate]) -> None:
    """Let them take turns, with a page without sessions between, and print their rows."""
    floor = Candidate("", bare, lambda: 0)
    for candidate in candidates:
        candidate.call("/fill")
        candidate.measure(PAGES)
        candidate.times.clear()  # the first requests are slower
        candidate.work.clear()
    for number in range(ROUNDS):
        floor.measure(PAGES[:1])
        for candidate in candidates if number % 2 else reversed(candidates):
            candidate.measure(PAGES)
    for candidate in candidates:
        candidate.show(floor)


def lost(call: Call) -> int:
    """Return how many updates of 8 threads are gone."""

    def writer(number: int) -> None:
        for i in range(WRITES):
            call(f"/write/w-{number}-{i}")

    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(writer, range(WRITERS)))
    return WRITERS * WRITES - int(call("/count"))


async def alost(call: Callable[[str], Awaitable[Any]]) -> int:
    """The same for tasks."""

    async def writer(number: int) -> None:
        for i in range(WRITES):
            await call(f"/write/w-{number}-{i}")

    await asyncio.gather(*(writer(number) for number in range(WRITERS)))
    return WRITERS * WRITES - int(await call("/count"))


def on_flask(name: str, prepare: Callable[[Any], None]) -> Candidate:
    """Return sessions of Flask."""
    call = wsgi(flask_site(prepare), Browser())
    return Candidate(name, call, lambda: lost(call))


def on_starlette(name: str, runner: asyncio.Runner, middleware: Any, session_of: Any) -> Candidate:
    """Return sessions of Starlette, in one event loop."""
    acall = asgi(starlette_site(middleware, session_of), Browser())
    return Candidate(name, lambda page: runner.run(acall(page)), lambda: runner.run(alost(acall)))


@contextmanager
def django_configured(folder: str, url: str, state: Any) -> Iterator[None]:
    """Configure Django once, for three engines."""
    import django
    from django.conf import settings
    from django.core.management import call_command

    urls = type("urls", (), {"urlpatterns": django_urls()})
    settings.configure(
        SECRET_KEY="bench",  # noqa: S106 - signs nothing
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF=urls,
        INSTALLED_APPS=["django.contrib.sessions"],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": f"{folder}/db", "CONN_MAX_AGE": None}},
        CACHES={"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": url}},
        STATEKIT=state,
    )
    django.setup()
    call_command("migrate", verbosity=0)
    yield


def on_django(name: str, engine: str, *middleware: str) -> Candidate:
    """Return an engine of Django."""
    from django.core.wsgi import get_wsgi_application
    from django.db import connection
    from django.test import override_settings

    with override_settings(SESSION_ENGINE=engine, MIDDLEWARE=list(middleware)):
        request = wsgi(get_wsgi_application(), Browser())

    def call(path: str) -> Any:
        with connection.execute_wrapper(TRIPS.query):  # connections are of threads
            return request(path)

    return Candidate(name, call, lambda: lost(call))


def flasks(url: str, client: Any) -> None:
    """Flask: ours and Flask-Session."""
    from statekit.integrations.flask import Sessions

    def prepare(app: Any) -> None:
        import flask_session

        app.config.update(SESSION_TYPE="redis", SESSION_REDIS=client)
        flask_session.Session(app)

    with statekit.open(url, namespace="flask") as state:
        ours = on_flask("Flask, statekit", lambda app: setattr(app, "session_interface", Sessions(state)))
        bare = wsgi(flask_site(lambda _: None), Browser())
        compare(bare, [ours, *found("Flask, Flask-Session (redis)", lambda name: on_flask(name, prepare))])


def starlettes(url: str) -> None:
    """Starlette: ours and starsessions."""
    from starlette.middleware import Middleware

    from statekit.integrations.starlette import SessionMiddleware, load

    state, connection = statekit.aopen(url, namespace="starlette"), redis.asyncio.from_url(url)

    def theirs(name: str) -> Candidate:
        import starsessions
        from starsessions.stores.redis import RedisStore

        async def session_of(request: Any) -> Any:
            await starsessions.load_session(request)
            return request.session

        middleware = Middleware(starsessions.SessionMiddleware, store=RedisStore(connection=connection), lifetime=86400)
        return on_starlette(name, runner, middleware, session_of)

    with asyncio.Runner() as runner:
        ours = on_starlette("Starlette, statekit", runner, Middleware(SessionMiddleware, state=state), load)
        bare = asgi(starlette_site(None, load), Browser())
        compare(lambda page: runner.run(bare(page)), [ours, *found("Starlette, starsessions (redis)", theirs)])
        runner.run(state.close())
        runner.run(connection.aclose())


def djangos(url: str, folder: str) -> None:
    """Django: ours, and its own engines."""
    theirs = "django.contrib.sessions.middleware.SessionMiddleware"
    ours = "statekit.integrations.django"
    with statekit.open(url, namespace="django") as state, django_configured(folder, url, state):
        compare(
            on_django("", ours).call,
            [
                on_django("Django, statekit", ours, f"{ours}.SessionMiddleware"),
                on_django("Django, cache (redis)", "django.contrib.sessions.backends.cache", theirs),
                on_django("Django, db (SQLite)", "django.contrib.sessions.backends.db", theirs),
            ],
        )


def found(name: str, make: Callable[[str], Candidate]) -> list[Candidate]:
    """Return a candidate, unless it is not installed."""
    try:
        return [make(name)]
    except ImportError as missing:
        print(f"{name:36} not installed: {missing.name}")
        return []


def attempt(name: str, measure: Callable[[str], None]) -> None:
    """Measure what may not be installed."""
    try:
        measure(name)
    except ImportError as missing:
        print(f"{name:36} not installed: {missing.name}")


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as folder:
        engine = engine_named("valkey")
        engine.start(Path(folder))
        try:
            ((host, port),) = engine.addresses
            url = f"redis://{host}:{port}"
            print(f"{'':34} {'':8} {'added µs':^35} {'trips':^20}")
            print(
                f"{'':34} {'reads/s':>8}", *(f"{p:>8}" for p in (*NAMES, "cpu")), *(f"{p:>6}" for p in NAMES), "  lost"
            )
            attempt("Flask", lambda _: flasks(url, redis.Redis(host=host, port=port)))
            attempt("Starlette", lambda _: starlettes(url))
            attempt("Django", lambda _: djangos(url, folder))
        finally:
            engine.stop()


if __name__ == "__main__":
    main()
