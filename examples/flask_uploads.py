"""Uploads past a Flask application: the browser sends a picture straight to the store, and shows it from there.

    python -m pip install 'statekit[flask,gateway,crypto]'
    export STATEKIT_KEYS=$(python -m statekit keygen)             # they sign the requests
    python examples/flask_uploads.py                              # http://localhost:5000

Pictures live in ``.statekit``, or where STATEKIT_URL says. Where the engine signs requests itself, as S3 and Cloud
Storage do, the browser talks to it, and the blueprint is not needed: the views stay as they are.
"""

from __future__ import annotations

from typing import Final

from flask import Flask, render_template_string

import statekit
from statekit.integrations.flask import Gateway

SITE: Final = "http://localhost:5000"

PAGE: Final = """<!doctype html>
<html lang="en"><meta name="viewport" content="width=device-width"><title>Pictures</title>
<form method="post" action="{{ upload.url }}" enctype="multipart/form-data">
{% for name, value in upload.fields.items() %}<input type="hidden" name="{{ name }}" value="{{ value }}">{% endfor %}
<input type="file" name="file" accept="image/jpeg" required> <button>Upload</button></form>
{% for picture in pictures %}<img src="{{ picture.url }}" width="160" alt="">{% endfor %}</html>"""


def make_app(state: statekit.State, site: str = SITE) -> Flask:
    """Return the application."""
    app = Flask(__name__)
    app.register_blueprint(Gateway(state))

    @app.get("/")
    def pictures() -> str:
        upload = state.objects.presign_post(
            prefix="pictures/", max_size=5_000_000, min_size=1, content_type="image/jpeg", success=f"{site}/"
        )
        shown = [
            state.objects.presign_get(item.key, inline=True, content_type="image/jpeg")
            for item in state.objects.list("pictures/")
        ]
        return render_template_string(PAGE, upload=upload, pictures=shown)

    return app


if __name__ == "__main__":
    make_app(statekit.open(gateway=f"{SITE}/files")).run()
