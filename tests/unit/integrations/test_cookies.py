"""The cookie's name, attributes and headers."""

from __future__ import annotations

from datetime import timedelta

import pytest

from statekit.errors import ConfigError
from statekit.integrations.cookies import Cookie

DAY = timedelta(days=1)


def test_a_cookie_is_secure_http_only_lax_and_bound_to_its_host_by_default() -> None:
    header = Cookie().header("id", DAY)
    assert header == "__Host-session=id; Max-Age=86400; Path=/; HttpOnly; SameSite=Lax; Secure"


def test_a_host_cookie_has_no_domain_and_the_root_path() -> None:
    assert Cookie(domain="example.org").sent_name == "__Secure-session"
    assert Cookie(path="/shop").sent_name == "__Secure-session"
    assert "Domain=example.org" in Cookie(domain="example.org").header("id", DAY)
    assert "Path=/shop" in Cookie(path="/shop").header("id", DAY)


def test_over_http_it_has_no_prefix_which_browsers_would_refuse() -> None:
    header = Cookie(secure=False).header("id", DAY)
    assert header.startswith("session=id;")
    assert "Secure" not in header
    assert "HttpOnly" in header


def test_one_that_does_not_persist_names_no_age() -> None:
    assert "Max-Age" not in Cookie(persistent=False).header("id", DAY)
    assert "Max-Age" in Cookie(persistent=False).header("id", DAY, persistent=True)


def test_its_removal_has_the_same_attributes_or_a_host_cookie_would_stay() -> None:
    assert Cookie().removal() == "__Host-session=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax; Secure"


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "a b"},
        {"name": "a;b"},
        {"name": ""},
        {"name": "__Host-session"},
        {"name": "__secure-session"},
        {"samesite": "lax"},
        {"samesite": None},
        {"samesite": "None", "secure": False},
        {"path": "shop"},
        {"path": "/;Domain=evil"},
        {"domain": "a;b"},
        {"domain": ""},
    ],
)
def test_what_no_browser_would_keep_is_refused_at_the_start(wrong) -> None:
    with pytest.raises(ConfigError):
        Cookie(**wrong)
