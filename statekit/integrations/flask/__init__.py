"""Flask: sessions that are kept in a state, and the gateway as a blueprint.

    app.session_interface = Sessions(state)
    app.register_blueprint(Gateway(state))

``flask.session`` is then loaded when it is first looked at, and stored when the request ends. Flask's own
``SESSION_COOKIE_…`` settings are not read: a ``Cookie`` describes the cookie. The gateway is for backends that sign no
requests themselves, and needs ``statekit[gateway]``.
"""

from __future__ import annotations

from statekit.integrations.cookies import Cookie

from .gateway import Gateway
from .sessions import FlaskSession, Sessions, devices, login, logout, logout_everywhere

__all__ = ["Cookie", "FlaskSession", "Gateway", "Sessions", "devices", "login", "logout", "logout_everywhere"]
