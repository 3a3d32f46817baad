"""Settings: every mistake is refused at opening, in words that help and give nothing away."""

from __future__ import annotations

from dataclasses import fields
from typing import Literal, get_args, get_origin, get_type_hints

import pytest

import statekit
from statekit.errors import ConfigError
from statekit.plugins import PACKAGES, announced
from statekit_conformance import clause

SECRET = "hunter2-hunter2"


def options_of(subject):
    return fields(subject.site.settings.sessions.backend.options)


def with_option(url, name, value):
    return f"{url}{'&' if '?' in url else '?'}{name}={value}"


def refusal(opening, *args, **settings):
    with pytest.raises(ConfigError) as caught:
        opening(*args, **settings)
    return str(caught.value)


# Unknown names


@clause("P-02")
def test_an_unknown_option_is_refused_and_the_nearest_known_one_is_named(subject, bare, opening, url):
    assert "nosuchoption" in refusal(opening, with_option(url, "nosuchoption", "1"))
    assert "nosuchoption" in refusal(opening, {"url": url, "nosuchoption": 1})
    for option in options_of(subject):
        misspelt = f"{option.name}s"
        for place in (with_option(url, misspelt, "1"), {"url": url, misspelt: "1"}):
            message = refusal(opening, place)
            assert f'"{option.name}"' in message or "would hold a secret" in message


@clause("P-02")
@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ('namespce = "shop"', "namespace"),
        ('sesions = "{url}"', "sessions"),
        ("timeouts = 5", "timeout"),
        ('policy = {{ idle_timout = "1h" }}', "idle_timeout"),
        ("[statekit.polici]\nlifetime = '1d'", "policy"),
    ],
)
def test_an_unknown_key_in_a_file_is_refused_and_the_nearest_known_one_is_named(bare, opening, url, text, meant):
    body = text.format(url=url)
    (bare / "statekit.toml").write_text(f'[statekit]\nurl = "{url}"\n{body}\n')
    message = refusal(opening)
    assert f'"{meant}"' in message
    assert str(bare / "statekit.toml") in message
    (bare / "statekit.toml").unlink()
    (bare / "pyproject.toml").write_text(
        f'[tool.statekit]\nurl = "{url}"\n{body.replace("[statekit.", "[tool.statekit.")}\n'
    )
    assert f'"{meant}"' in refusal(opening)


@clause("P-02")
@pytest.mark.parametrize("variable", ["STATEKIT_NAMESPACES", "STATEKIT_SESSION_URL", "STATEKIT_KEY", "STATEKIT_URI"])
def test_a_misspelt_variable_is_refused_and_the_nearest_known_one_is_named(monkeypatch, bare, opening, url, variable):
    monkeypatch.setenv(variable, SECRET)
    message = refusal(opening, url)
    assert variable in message
    assert 'did you mean "STATEKIT_' in message
    assert SECRET not in message


@clause("P-02")
def test_a_setting_in_the_file_that_is_known_has_its_effect(bare, subject, opening, url):
    (bare / "statekit.toml").write_text(f'[statekit]\nurl = "{url}"\nnamespace = "Not A Namespace"\n')
    assert "namespace" in refusal(opening)
    (bare / "statekit.toml").write_text(f'[statekit]\nurl = "{url}"\npolicy = {{ sessions_per_owner = 0 }}\n')
    assert "sessions_per_owner" in refusal(opening)


# Wrong types


@clause("P-03")
def test_an_option_of_the_wrong_type_is_refused_without_repeating_it(subject, bare, opening, url):
    hints = get_type_hints(type(subject.site.settings.sessions.options))
    for option in options_of(subject):
        if hints[option.name] is not str and str not in get_args(hints[option.name]):
            message = refusal(opening, with_option(url, option.name, SECRET))
            assert f'"{option.name}"' in message
            assert SECRET not in message
        message = refusal(opening, {"url": url, option.name: object()})
        assert f'"{option.name}"' in message
        if get_origin(hints[option.name]) is Literal:
            assert all(str(choice) in message for choice in get_args(hints[option.name]))


@clause("P-03")
@pytest.mark.parametrize(
    "settings",
    [
        {"timeout": "soon"},
        {"timeout": 0},
        {"timeout": -1},
        {"timeout": True},
        {"timeout": float("inf")},
        {"attempt_timeout": float("nan")},
        {"attempt_timeout": [1]},
        {"policy": 7},
        {"policy": {"idle_timeout": 7}},
        {"policy": {"idle_timeout": "a while"}},
        {"policy": {"sessions_per_owner": "many"}},
        {"policy": {"sessions_per_owner": 1.5}},
        {"namespace": 7},
        {"keys": SECRET},
        {"keys": []},
        {"keys": [7]},
        {"sessions": 7},
        {"sessions": {}},
        {"objects": ["memory:"]},
    ],
    ids=repr,
)
def test_a_setting_of_the_wrong_type_is_refused_and_named(bare, opening, url, settings):
    (name,) = settings
    message = refusal(opening, url, **settings)
    assert name in message
    assert SECRET not in message


@clause("P-03")
@pytest.mark.parametrize(
    "policy",
    [
        {"idle_timeout": "0s"},
        {"lifetime": "0s"},
        {"idle_timeout": "2d", "lifetime": "1d"},
        {"touch_interval": "2d", "idle_timeout": "1d"},
        {"sessions_per_owner": 0},
        {"sessions_per_owner": 1001},
        {"sessions_per_owner": -1},
    ],
    ids=str,
)
def test_a_policy_that_cannot_be_kept_is_refused(bare, opening, url, policy):
    refusal(opening, url, policy=policy)


# Secrets


@clause("P-04")
@pytest.mark.parametrize(
    "rest",
    [
        f"//user:{SECRET}@host/path",
        f"//:{SECRET}@host/path",
        f"//user:{SECRET}@[::1]:1/path",
        f"//user:a/{SECRET}@host/path",
        f"//host/path?password={SECRET}",
        f"//host/path?secret={SECRET}",
        f"//host/path?token={SECRET}",
        f"//host/path?secret_access_key={SECRET}",
        f"//host/path?api-key={SECRET}",
        f"//host/path?PASSWORD={SECRET}",
        f"//host/path?pass%77ord={SECRET}",
    ],
)
def test_a_secret_in_a_url_is_refused_and_never_repeated(monkeypatch, bare, opening, url, rest):
    place = f"{url.partition(':')[0]}:{rest}"
    for message in (
        refusal(opening, place),
        refusal(opening, sessions=place),
        refusal(opening, {"url": place}),
    ):
        assert SECRET not in message
        assert "argument client" in message, "the message says what to do instead"
    monkeypatch.setenv("STATEKIT_URL", place)
    assert SECRET not in refusal(opening)
    monkeypatch.delenv("STATEKIT_URL")
    (bare / "statekit.toml").write_text(f'[statekit]\nurl = "{place}"\n')
    assert SECRET not in refusal(opening)


@clause("P-04")
@pytest.mark.parametrize("name", ["password", "client_secret", "auth_token", "access_key", "credentials"])
def test_a_secret_beside_a_url_is_refused_and_never_repeated(bare, opening, url, name):
    assert SECRET not in refusal(opening, {"url": url, name: SECRET})


@clause("E-03", "P-04")
@pytest.mark.parametrize(
    "place", [f"no url {SECRET}", f"//{SECRET}", f"?{SECRET}", f"nosuch{SECRET}%:x", f" {SECRET}:x"]
)
def test_what_is_no_url_is_refused_and_never_repeated(bare, opening, place):
    assert SECRET not in refusal(opening, place)


# Schemes


@clause("P-05")
def test_an_unknown_scheme_is_refused_with_the_known_ones_and_how_to_get_others(subject, bare, opening, url):
    message = refusal(opening, "nosuchscheme:somewhere")
    assert "nosuchscheme" in message
    assert url.partition(":")[0] in message
    for missing in PACKAGES.keys() - announced().keys():
        assert f"pip install: {PACKAGES[missing]}" in message or f", {PACKAGES[missing]} (" in message


@clause("P-05")
def test_a_misspelt_scheme_is_refused_and_the_nearest_known_one_is_named(bare, opening, url):
    scheme = url.partition(":")[0]
    assert f'"{scheme}"' in refusal(opening, f"{scheme}x:somewhere")


@clause("P-05")
def test_a_scheme_is_the_same_in_capitals(bare, opening, url, subject):
    scheme, _, rest = url.partition(":")
    state = opening(f"{scheme.upper()}:{rest}")
    assert scheme in repr(state) or subject.backend.name in repr(state)


# Where settings come from


@clause("P-10")
@pytest.mark.parametrize(
    "variable",
    [
        "AWS_LAMBDA_FUNCTION_NAME",
        "K_SERVICE",
        "CLOUD_RUN_JOB",
        "GAE_ENV",
        "FUNCTIONS_WORKER_RUNTIME",
        "VERCEL",
        "NETLIFY",
        "DYNO",
    ],
)
def test_where_the_disk_does_not_last_nothing_is_stored_on_it_unasked(monkeypatch, bare, variable):
    monkeypatch.setenv(variable, "1")
    for opening in (statekit.open, statekit.aopen):
        message = refusal(opening)
        assert variable in message
        assert "STATEKIT_URL" in message
        assert "STATEKIT_URL" in refusal(opening, namespace="shop")
    assert list(bare.iterdir()) == []


@clause("P-10")
def test_where_the_disk_does_not_last_a_backend_that_is_named_is_used(monkeypatch, bare, opening, url):
    monkeypatch.setenv("VERCEL", "1")
    opening(url)
    monkeypatch.setenv("STATEKIT_URL", url)
    opening()
    monkeypatch.delenv("STATEKIT_URL")
    monkeypatch.setenv("STATEKIT_SESSIONS_URL", url)
    opening()


@clause("P-01", "P-10")
def test_elsewhere_the_default_lives_below_the_working_directory_once_it_is_used(bare):
    state = statekit.open()
    assert list(bare.iterdir()) == []
    session = state.sessions.create({"a": 1})
    state.objects.put("file", b"x")
    state.close()
    assert len(list(bare.iterdir())) == 1
    with statekit.open() as again:
        assert dict(again.sessions.load(session.id)) == {"a": 1}
        assert again.objects.get("file").data == b"x"


@clause("P-10")
def test_the_default_stays_where_it_is_when_the_process_goes_elsewhere(monkeypatch, bare, tmp_path):
    with statekit.open() as state:
        monkeypatch.chdir(tmp_path)
        session = state.sessions.create({"a": 1})
    assert len(list(bare.iterdir())) == 1
    monkeypatch.chdir(bare)
    with statekit.open() as again:
        assert again.sessions.load(session.id) is not None
