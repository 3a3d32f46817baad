"""The photo booth in Flask, in one file: a login, uploads past the application, a list of devices, log out everywhere.

    python -m pip install 'statekit[flask,gateway,crypto]' Pillow
    export STATEKIT_KEYS=$(python -m statekit keygen)                                 # they sign the uploads
    python examples/flask_app.py                                                      # http://localhost:5000
    STATEKIT_URL=redis://localhost:6379 python examples/flask_app.py

State lives in ``.statekit``, or where STATEKIT_URL says. Stop it, start it again, run it twice: nobody is logged out,
and what was uploaded is there. This development server speaks http, so the cookie is not a secure one: ``SECURE=1``
behind a server that speaks https.
"""

from __future__ import annotations

import os
from typing import Any, Final

from flask import Flask, Response, redirect, render_template_string, request, session
from PIL import Image, UnidentifiedImageError
from werkzeug.security import check_password_hash, generate_password_hash

import statekit
from statekit.integrations.flask import Cookie, Gateway, Sessions, devices, login, logout, logout_everywhere

PASSWORDS: Final = {name: generate_password_hash(name, "pbkdf2:sha256:1000") for name in ("ada", "bob")}
"""Whoever is called ada has the password ada: this is an example."""

SITE: Final = "http://localhost:5000"
LARGEST: Final = 12_000_000
"""Bytes of one photograph, at most."""

PAGE: Final = """<!doctype html>
<html lang="en"><meta name="viewport" content="width=device-width"><title>Photo booth</title>
<style>body { font: 1.1rem/1.5 system-ui; max-width: 44rem; margin: 3rem auto; padding: 0 1rem }
form { display: inline } small { color: #666 } img { width: 10rem; margin: 0 .5rem .5rem 0 }</style>
<h1>Photo booth</h1>
{% if session.owner %}
<p><label>Upload a photograph <input type="file" accept="image/jpeg"></label> <output></output></p>
<p>{% for photo in photos %}
<a href="{{ photo.whole }}"><img src="{{ photo.small }}" alt="a photograph"></a>{% endfor %}</p>
<p>{{ session.get("uploads", 0) }} uploaded in this session</p>
<h2>{{ session.owner }}</h2>
<ul>{% for device in devices %}<li>{{ device.label or "a device" }}
{{ "(this one)" if device.handle == session.handle }}<br>
<small>since {{ device.created_at.strftime("%d %B, %H:%M") }} UTC,
seen {{ device.last_seen.strftime("%d %B, %H:%M") }}</small>
<form method="post" action="/devices/{{ device.handle }}"><button>end</button></form></li>{% endfor %}</ul>
<form method="post" action="/logout"><button>Log out</button></form>
<form method="post" action="/logout/others"><button>Log out all others</button></form>
<form method="post" action="/logout/everywhere"><button>Log out everywhere</button></form>
<script>
  const [chosen, said] = ["input", "output"].map(name => document.querySelector(name));
  const ask = async (url, body) => {
    const answer = await fetch(url, {method: "POST", body});
    if (!answer.ok) throw new Error(`The upload was refused (${answer.status}).`);
    return answer;
  };
  chosen.onchange = async () => {
    try {
      said.value = "sending ...";
      const {ticket, url, fields} = await (await ask("/uploads")).json();
      const form = new FormData();
      for (const [name, value] of Object.entries(fields)) form.append(name, value);
      form.append("file", chosen.files[0]);
      await ask(url, form);                       // to the store, and not through a view
      await ask(`/uploads/${ticket}`);
      location.reload();
    } catch (error) { said.value = error.message; }
  };
</script>
{% else %}
<form method="post" action="/login"><input name="name" placeholder="ada" required>
<input name="password" type="password" placeholder="ada" required> <button>Log in</button></form>
{% endif %}
<p><small>answered by process {{ process }}</small></p></html>"""


def make_app(state: statekit.State, *, secure: bool = True) -> Flask:
    """Return the application."""
    app = Flask(__name__)
    app.session_interface = Sessions(state, cookie=Cookie(secure=secure))
    app.register_blueprint(Gateway(state))  # for engines that sign nothing themselves
    add_album(app, state)
    add_uploads(app, state)
    add_login(app, state)
    add_devices(app, state)
    return app


def add_album(app: Flask, state: statekit.State) -> None:
    """Add what everybody sees."""

    def shown(key: str) -> str:
        return state.objects.presign_get(key, inline=True, content_type="image/jpeg").url

    @app.get("/")
    def album() -> str:
        listed = state.objects.list(f"small/{session.owner}/") if session.owner else ()
        photos = [{"small": shown(info.key), "whole": shown(whole_of(info.key))} for info in listed]
        return render_template_string(PAGE, devices=devices(session), photos=photos, process=os.getpid())

    @app.errorhandler(503)
    def unavailable(_: Exception) -> tuple[str, int]:
        return "The booth is closed for a moment. You are still logged in.", 503


def add_uploads(app: Flask, state: statekit.State) -> None:
    """Add a ticket for an upload, and its confirmation. The photograph itself goes to the store."""

    @app.post("/uploads")
    def reserve() -> dict[str, Any] | tuple[str, int]:
        if not session.owner:
            return "Log in first.", 403
        ticket = state.tickets.reserve(
            prefix=f"whole/{session.owner}/",
            min_size=1,
            max_size=LARGEST,
            content_type="image/jpeg",
            owner=session.owner,
        )
        return {"ticket": ticket.id, "url": ticket.upload.url, "fields": dict(ticket.upload.fields)}

    @app.post("/uploads/<ticket>")
    def confirm(ticket: str) -> tuple[str, int]:
        try:
            photo = state.tickets.confirm(ticket, owner=session.owner)
        except (statekit.NotFoundError, statekit.InvalidInputError):
            return "This is no photograph.", 422
        try:
            develop(state, photo.key)
        except UnidentifiedImageError:
            state.objects.delete(photo.key)
            return "This is no photograph.", 422
        session["uploads"] = session.get("uploads", 0) + 1
        return "", 204


def develop(state: statekit.State, key: str) -> None:
    """Make a photograph's thumbnail, in a workspace that one process holds at a time."""
    with state.scratch.workspace(f"develop/{key}", wait=30) as workspace:
        if not state.objects.exists(small_of(key)):
            with Image.open(workspace.fetch(state.objects, key, name="whole.jpg")) as image:
                image.thumbnail((320, 320))
                image.convert("RGB").save(workspace / "small.jpg", "JPEG")
            workspace.publish("small.jpg", state.objects, small_of(key), content_type="image/jpeg")


def small_of(key: str) -> str:
    """Return where a photograph's thumbnail is."""
    return "small/" + key.removeprefix("whole/")


def whole_of(key: str) -> str:
    """Return where a thumbnail's photograph is."""
    return "whole/" + key.removeprefix("small/")


def add_login(app: Flask, state: statekit.State) -> None:
    """Add the way in, and the way out."""

    @app.post("/login")
    def log_in() -> Response | tuple[str, int]:
        name = request.form["name"]
        mark = state.sessions.owner_mark(name)  # before the password is checked: see logout_everywhere
        if name not in PASSWORDS or not check_password_hash(PASSWORDS[name], request.form["password"]):
            return "Wrong name or password.", 403
        try:
            login(session, name, since=mark)  # another id; what the session holds stays
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
    make_app(statekit.open(gateway=f"{SITE}/files"), secure=bool(os.environ.get("SECURE"))).run()
