"""Sessions in Flask, the whole story in one file: a basket, a login, a list of devices, and "log out everywhere".

    python -m pip install 'statekit[flask]'
    python examples/flask_app.py                                  # http://localhost:5000
    STATEKIT_URL=redis://localhost:6379 python examples/flask_app.py

Sessions live in ``.statekit``, or where STATEKIT_URL says. Stop it, start it again, run it twice: nobody is logged out.
This development server speaks http, so the cookie is not a secure one: ``SECURE=1`` behind a server that speaks https.
"""

from __future__ import annotations

import os
from typing import Final

from flask import Flask, Response, redirect, render_template_string, request, session
from werkzeug.security import check_password_hash, generate_password_hash

import statekit
from statekit.integrations.flask import Cookie, Sessions, devices, login, logout, logout_everywhere

PASSWORDS: Final = {name: generate_password_hash(name, "pbkdf2:sha256:1000") for name in ("ada", "bob")}
"""Whoever is called ada has the password ada: this is an example."""

PAGE: Final = """<!doctype html>
<html lang="en"><meta name="viewport" content="width=device-width"><title>Tea shop</title>
<style>body { font: 1.1rem/1.5 system-ui; max-width: 34rem; margin: 3rem auto; padding: 0 1rem }
form { display: inline } small { color: #666 }</style>
<h1>Tea shop</h1>
<p>In your basket: {{ session.get("basket", []) | join(", ") or "nothing" }}
<form method="post" action="/basket">
{% for tea in ("assam", "darjeeling", "sencha") %}<button name="tea" value="{{ tea }}">+ {{ tea }}</button>{% endfor %}
</form></p>
{% if session.owner %}
<h2>{{ session.owner }}</h2>
<ul>{% for device in devices %}<li>{{ device.label or "a device" }}<br>
<small>since {{ device.created_at.strftime("%d %B, %H:%M") }} UTC,
seen {{ device.last_seen.strftime("%d %B, %H:%M") }}</small>
<form method="post" action="/devices/{{ device.handle }}"><button>end</button></form></li>{% endfor %}</ul>
<form method="post" action="/logout"><button>Log out</button></form>
<form method="post" action="/logout/others"><button>Log out all others</button></form>
<form method="post" action="/logout/everywhere"><button>Log out everywhere</button></form>
{% else %}
<form method="post" action="/login"><input name="name" placeholder="ada" required>
<input name="password" type="password" placeholder="ada" required> <button>Log in</button></form>
{% endif %}
<p><small>answered by process {{ process }}</small></p></html>"""


def make_app(state: statekit.State, *, secure: bool = True) -> Flask:
    """Return the application."""
    app = Flask(__name__)
    app.session_interface = Sessions(state, cookie=Cookie(secure=secure))
    add_shop(app)
    add_login(app, state)
    add_devices(app, state)
    return app


def add_shop(app: Flask) -> None:
    """Add what everybody sees."""

    @app.get("/")
    def shop() -> str:
        return render_template_string(PAGE, devices=devices(session), process=os.getpid())

    @app.post("/basket")
    def put() -> Response:
        session.setdefault("basket", []).append(request.form["tea"])  # nested changes are noticed
        return redirect("/")

    @app.errorhandler(503)
    def unavailable(_: Exception) -> tuple[str, int]:
        return "The shop is closed for a moment. You are still logged in.", 503


def add_login(app: Flask, state: statekit.State) -> None:
    """Add the way in, and the way out."""

    @app.post("/login")
    def log_in() -> Response | tuple[str, int]:
        name = request.form["name"]
        mark = state.sessions.owner_mark(name)  # before the password is checked: see logout_everywhere
        if name not in PASSWORDS or not check_password_hash(PASSWORDS[name], request.form["password"]):
            return "Wrong name or password.", 403
        try:
            login(session, name, since=mark)  # another id; the basket stays
        except statekit.ConflictError:
            return "Everything was logged out just now. Log in again.", 409
        return redirect("/")

    @app.post("/logout")
    def log_out() -> Response:
        logout(session)
        return redirect("/")


def add_devices(app: Flask, state: statekit.State) -> None:
    """Add what concerns the user's other sessions."""

    @app.post("/logout/others")
    def log_out_others() -> Response:
        logout_everywhere(session, keep=True)
        return redirect("/")

    @app.post("/logout/everywhere")
    def log_out_everywhere() -> Response:
        logout_everywhere(session)
        return redirect("/")

    @app.post("/devices/<handle>")
    def end(handle: str) -> Response:
        if handle in {device.handle for device in devices(session)}:  # one's own, not anybody's
            state.sessions.revoke(handle)
        return redirect("/")


if __name__ == "__main__":
    make_app(statekit.open(), secure=bool(os.environ.get("SECURE"))).run()
