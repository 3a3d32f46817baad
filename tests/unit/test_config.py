"""From arguments, environment and files to settings; and every mistake on the way."""

from __future__ import annotations

import os
import pickle
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

import statekit
from statekit import plugins
from statekit._config.names import is_secret
from statekit._config.options import read
from statekit._config.platforms import VARIABLES
from statekit._config.urls import Address, parse
from statekit._config.values import WrongValueError, convert, duration, seconds, size
from statekit.backends.local import LocalOptions
from statekit.config import NOWHERE, Settings, resolve
from statekit.driver import CONTRACT, Backend, Drivers, Opening, Reach, Survives
from statekit.errors import ConfigError, UnsupportedError
from statekit.types import ScratchPolicy, SessionPolicy

quick = hypothesis_settings(database=None, deadline=None, max_examples=200)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShelfOptions:
    """Options of every kind."""

    region: str = "here"
    retries: int = 3
    share: float = 0.5
    eager: bool = False
    mode: Literal["fast", "safe"] = "safe"
    patience: timedelta = timedelta(seconds=1)
    ca: Path | None = None
    part: Annotated[int, "bytes"] = 1024
    hosts: tuple[str, ...] = ()


def open_shelf(opening: Opening[ShelfOptions]) -> Drivers:
    raise AssertionError("opening does no I/O: nobody connects here")


SHELF = Backend(
    contract=CONTRACT,
    name="shelf",
    schemes=("shelf", "dynamodb", "s3", "unix", "redis"),
    options=ShelfOptions,
    records=True,
    objects=True,
    reach=Reach.NETWORK,
    survives=Survives.SERVER,
    open=open_shelf,
)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty directory to work in, an environment that says nothing, and one plugin."""
    for variable in [*VARIABLES, *(name for name in os.environ if name.startswith("STATEKIT"))]:
        monkeypatch.delenv(variable, raising=False)
    entries = [
        plugins.Entry(scheme, "shelf", "statekit-shelf 1.0", lambda: Plugin) for scheme in ("shelf", "dynamodb", "unix")
    ]
    monkeypatch.setattr(plugins, "_REGISTRY", plugins.Registry(lambda: entries))
    directory = tmp_path / "project" / "deep"
    directory.mkdir(parents=True)
    monkeypatch.chdir(directory)
    return directory


class Plugin:
    @staticmethod
    def statekit_backends() -> list[Backend[Any]]:
        return [SHELF]


def complaint(**arguments: Any) -> str:
    """Return what is said about a configuration."""
    with pytest.raises(ConfigError) as caught:
        resolve(**arguments)
    return str(caught.value)


# Where settings come from


def test_without_any_configuration_state_lives_in_the_working_directory(here: Path) -> None:
    settings = resolve()
    assert settings.sessions is settings.objects
    assert settings.sessions.backend.name == "local"
    assert settings.sessions.path == str(here / ".statekit")
    assert list(here.iterdir()) == []


def test_opening_touches_nothing(here: Path) -> None:
    with statekit.open():
        pass
    with statekit.open("shelf://table"):
        pass
    assert list(here.iterdir()) == []


def test_an_argument_wins_over_the_environment_and_that_over_the_file(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "statekit.toml").write_text('[statekit]\nurl = "shelf://file"\nnamespace = "file"\ntimeout = 3\n')
    monkeypatch.setenv("STATEKIT_URL", "shelf://environment")
    monkeypatch.setenv("STATEKIT_NAMESPACE", "environment")
    settings = resolve(url="shelf://argument")
    assert settings.sessions.authority == "argument"
    assert settings.namespace == "environment"
    assert settings.timeout == 3.0


def test_a_stores_own_url_wins_over_the_url_for_all_of_the_same_source(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATEKIT_URL", "shelf://both")
    monkeypatch.setenv("STATEKIT_OBJECTS_URL", "shelf://objects")
    settings = resolve()
    assert (settings.sessions.authority, settings.objects.authority) == ("both", "objects")


def test_an_argument_for_all_wins_over_a_stores_own_url_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATEKIT_SESSIONS_URL", "shelf://environment")
    assert resolve(url="shelf://argument").sessions.authority == "argument"


def test_a_file_is_found_in_a_directory_above(here: Path) -> None:
    (here.parent / "statekit.toml").write_text(
        """
        [statekit]
        namespace = "shop"
        sessions = "dynamodb://shop-state?region=eu-west-1"
        objects = { url = "shelf://uploads", retries = 5 }
        keys = ["one", "two"]
        timeout = "20s"
        attempt_timeout = 2.5

        [statekit.policy]
        idle_timeout = "7d"
        sessions_per_owner = 5
        """
    )
    settings = resolve()
    assert settings.namespace == "shop"
    assert settings.sessions.authority == "shop-state"
    assert settings.sessions.options == ShelfOptions(region="eu-west-1")
    assert settings.objects.options == ShelfOptions(retries=5)
    assert settings.keys == ("one", "two")
    assert (settings.timeout, settings.attempt_timeout) == (20.0, 2.5)
    assert settings.policy == SessionPolicy(idle_timeout=timedelta(days=7), sessions_per_owner=5)


def test_pyproject_is_read_where_there_is_no_file_of_our_own(here: Path) -> None:
    (here / "pyproject.toml").write_text('[project]\nname = "other"\ndependencies = ["statekit"]\n')
    (here.parent / "pyproject.toml").write_text('[tool.statekit]\nurl = "shelf://from-pyproject"\n')
    assert resolve().sessions.authority == "from-pyproject"
    (here.parent.parent / "statekit.toml").write_text('[statekit]\nurl = "shelf://from-statekit"\n')
    assert resolve().sessions.authority == "from-statekit"


def test_a_pyproject_of_somebody_else_is_not_even_parsed(here: Path) -> None:
    (here / "pyproject.toml").write_text("this is no TOML, and not ours to judge: statekit")
    assert resolve().sessions.backend.name == "local"


def test_relative_paths_start_at_the_file_that_holds_them(here: Path) -> None:
    (here.parent / "statekit.toml").write_text('[statekit]\nurl = "local:state"\n')
    assert resolve().sessions.path == str(here.parent / "state")
    assert resolve(url="local:state").sessions.path == str(here / "state")
    assert resolve(url="local:/state").sessions.path == "/state"


def test_options_that_are_paths_start_there_too(here: Path) -> None:
    (here.parent / "statekit.toml").write_text('[statekit]\nurl = "shelf://x?ca=ca.pem"\n')
    assert resolve().sessions.options.ca == here.parent / "ca.pem"


def test_the_default_stands_beside_the_file_where_that_names_no_backend(here: Path) -> None:
    (here.parent / "statekit.toml").write_text('[statekit]\nnamespace = "shop"\n')
    assert resolve().sessions.path == str(here.parent / ".statekit")


def test_a_working_directory_that_is_gone_is_no_obstacle_to_what_needs_none(here: Path) -> None:
    here.rmdir()
    assert resolve(url="memory:").sessions.backend.name == "memory"
    assert "relative" in complaint(url="local:state")


def test_keys_in_the_environment_have_commas_between(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATEKIT_KEYS", "new, old")
    assert resolve(url="memory:").keys == ("new", "old")


def test_two_stores_at_one_url_have_equal_targets() -> None:
    settings = resolve(url="shelf://table?region=x")
    assert settings.sessions == settings.objects
    assert settings == resolve(sessions="shelf://table?region=x", objects={"url": "shelf://table", "region": "x"})


def test_the_store_that_nobody_configured_has_no_backend_rather_than_the_local_disk(here: Path) -> None:
    assert resolve(sessions="memory:").objects is NOWHERE
    with statekit.open(sessions="memory:") as state:
        assert state.check() == ()
        state.sweep()
        with pytest.raises(UnsupportedError):
            state.objects.put("key", b"")
    assert list(here.iterdir()) == []


def test_an_asynchronous_state_opens_from_the_same_settings() -> None:
    assert repr(statekit.aopen("memory:")) == "<AsyncState: sessions on memory, objects on memory>"


def test_errors_of_opening_name_the_operation_and_pickle() -> None:
    with pytest.raises(ConfigError) as caught:
        statekit.open("shelf://x?regoin=y")
    assert (caught.value.op, caught.value.clause) == ("open", "P-02")
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


# Clients


def test_a_client_goes_to_the_one_backend_that_is_configured() -> None:
    client = object()
    settings = resolve(url="shelf://x", client=client)
    assert settings.sessions.client is settings.objects.client is client
    settings = resolve(sessions="shelf://x", client=client)
    assert (settings.sessions.client, settings.objects) == (client, NOWHERE)


def test_each_backend_gets_its_own_client_beside_its_url() -> None:
    one, other = object(), object()
    settings = resolve(sessions={"url": "dynamodb://t", "client": one}, objects={"url": "shelf://b", "client": other})
    assert (settings.sessions.client, settings.objects.client) == (one, other)


def test_a_client_that_could_be_for_either_of_two_backends_is_refused() -> None:
    told = complaint(sessions="dynamodb://t", objects="shelf://b", client=object())
    assert "goes with one backend" in told
    assert '"client"' in told


def test_a_client_without_a_url_is_refused() -> None:
    assert complaint(client=object()) == "the argument client goes with a URL, and none is configured"


def test_a_client_that_would_be_ignored_is_refused() -> None:
    assert complaint(url="memory:", client=object()) == "memory: takes no client"
    told = complaint(sessions={"url": "local:x", "client": object()})
    assert told == "the argument sessions: local: takes no client"


def test_a_file_cannot_hold_a_client(here: Path) -> None:
    (here / "statekit.toml").write_text('[statekit]\nsessions = { url = "shelf://x", client = "mine" }\n')
    assert 'has no option "client"' in complaint()


# Mistakes in names


def test_an_unknown_scheme_lists_the_known_ones_and_what_to_install() -> None:
    told = complaint(url="redis://host")
    assert told.startswith('the argument url: no backend here has the scheme "redis": pip install statekit-redis (')
    assert "installed: dynamodb, local, memory, shelf, unix" in told
    assert "statekit-aws (s3, aws)" in told


@pytest.mark.parametrize(
    ("scheme", "package"),
    [("redis", "redis"), ("rediss", "redis"), ("redis+cluster", "redis"), ("s3", "aws"), ("aws", "aws"), ("gs", "gcs")],
)
def test_a_scheme_that_is_known_elsewhere_says_what_to_install(scheme: str, package: str) -> None:
    assert f"pip install statekit-{package} (" in complaint(url=f"{scheme}://x")


def test_a_misspelt_scheme_gets_the_nearest_one() -> None:
    assert 'did you mean "shelf"?' in complaint(url="shelv:x")
    assert 'did you mean "redis"?' in complaint(url="redsi:x")


def test_a_misspelt_option_gets_the_nearest_one() -> None:
    told = complaint(url="shelf://x?regoin=eu")
    assert told == 'the argument url: the backend shelf has no option "regoin"; did you mean "region"?'


def test_an_option_that_resembles_none_gets_the_list() -> None:
    told = complaint(url="local:x?zzz=1")
    assert told == 'the argument url: the backend local has no option "zzz"; known are sync'
    assert "; it has none" in complaint(url="memory:?zzz=1")


def test_a_misspelt_option_in_a_file_names_the_file(here: Path) -> None:
    path = here / "statekit.toml"
    path.write_text('[statekit]\nsessions = { url = "shelf://x", retires = 3 }\n')
    assert complaint() == (
        f'{path}: statekit.sessions: the backend shelf has no option "retires"; did you mean "retries"?'
    )


def test_a_misspelt_setting_gets_the_nearest_one(here: Path) -> None:
    path = here / "statekit.toml"
    path.write_text('[statekit]\nsession = "memory:"\n')
    assert complaint() == f'{path}: [statekit] has no setting "session"; did you mean "sessions"?'


# The scratch space


def places(settings: Settings) -> list[str]:
    return [target.authority for target in settings.scratch or ()]


def test_a_scratch_space_lives_where_sessions_and_objects_do() -> None:
    assert places(resolve(url="shelf://all")) == ["all", "all"]
    assert places(resolve(url="shelf://all", objects="shelf://files")) == ["all", "files"]
    assert places(resolve(sessions="shelf://records", objects="shelf://files")) == ["records", "files"]
    assert resolve().scratch == (resolve().sessions, resolve().objects)


def test_it_has_a_url_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    assert places(resolve(url="shelf://all", scratch="shelf://own")) == ["own", "own"]
    assert places(resolve(url="shelf://all", scratch={"url": "shelf://own", "retries": 1})) == ["own", "own"]
    monkeypatch.setenv("STATEKIT_SCRATCH_URL", "shelf://environment")
    assert places(resolve()) == ["environment", "environment"]
    assert resolve().sessions.backend.name == "none"


def test_a_table_says_where_either_half_lives_and_how_much_there_may_be(here: Path) -> None:
    (here / "statekit.toml").write_text(
        '[statekit]\nurl = "shelf://all"\n'
        'scratch = { objects = "shelf://files", quota = "512MiB", files = 10, root = "work", lease = "1m", ttl = "1d" }\n'
    )
    settings = resolve()
    assert places(settings) == ["all", "files"]
    day, minute = timedelta(days=1), timedelta(minutes=1)
    wanted = ScratchPolicy(quota=512 * 1024**2, files=10, root=here / "work", lease=minute, ttl=day)
    assert settings.workspaces == wanted


def test_limits_alone_leave_it_where_it_is() -> None:
    settings = resolve(url="shelf://all", scratch={"quota": 5})
    assert places(settings) == ["all", "all"]
    assert settings.workspaces == ScratchPolicy(quota=5)


def test_limits_beside_a_url_are_not_the_backends_options() -> None:
    settings = resolve(scratch={"url": "shelf://own", "quota": 5})
    assert (places(settings), settings.workspaces.quota) == (["own", "own"], 5)


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ({"qouta": 5}, 'the scratch space has no option "qouta"; did you mean "quota"?'),
        ({"quota": "many"}, 'the option "quota" of the scratch space takes a size'),
        ({"records": "shelf://x?regoin=eu"}, 'scratch.records: the backend shelf has no option "regoin"'),
        ({"lease": "1d", "ttl": "1h"}, "lease is at least a second and shorter than ttl"),
    ],
)
def test_what_is_wrong_with_it_is_named(place: Any, said: str) -> None:
    assert said in complaint(url="shelf://all", scratch=place)


def test_a_misspelt_setting_of_the_policy_gets_the_nearest_one(here: Path) -> None:
    path = here / "pyproject.toml"
    path.write_text('[tool.statekit.policy]\nidle_timout = "1d"\n')
    assert complaint() == (
        f'{path}: tool.statekit.policy: the policy has no option "idle_timout"; did you mean "idle_timeout"?'
    )


def test_settings_outside_their_table_are_sent_there(here: Path) -> None:
    (here / "statekit.toml").write_text('url = "memory:"\n')
    assert 'statekit.toml: "url" is not known here; settings stand below [statekit]' in complaint()


def test_a_misspelt_table_gets_the_right_name(here: Path) -> None:
    (here / "statekit.toml").write_text('[statekti]\nurl = "memory:"\n')
    assert 'did you mean "statekit"?' in complaint()


@pytest.mark.parametrize(
    "variable", ["STATEKIT_SESSION_URL", "STATEKIT_OBJECT_URL", "STATEKIT_SESSIONS", "STATEKIT_KEY"]
)
def test_a_misspelt_variable_is_no_reason_to_store_elsewhere(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, "memory:")
    assert f"the environment variable {variable} is not known; did you mean " in complaint()


def test_variables_that_resemble_none_of_ours_are_somebody_elses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATEKIT_CONFORMANCE_TARGETS", "x")
    resolve()


@pytest.mark.parametrize("variable", ["STATEKIT_URL", "STATEKIT_SESSIONS_URL", "STATEKIT_KEYS"])
def test_an_empty_variable_is_a_mistake_and_not_a_default(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, " ")
    assert complaint() == f"{variable} is set and empty; give it a value, or unset it"


# Mistakes in values


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("retries=many", 'the option "retries" of the backend shelf takes a whole number'),
        ("retries=1.5", "takes a whole number"),
        ("retries=1_0", "takes a whole number"),
        ("share=1e999", "takes a number"),
        ("share=%201", "takes a number"),
        ("share=nan", "takes a number"),
        ("eager=yes", "takes true or false"),
        ("mode=reckless", "takes one of fast, safe"),
        ("patience=7", "takes a duration such as 90s, 15m, 12h or 14d"),
        ("part=1XB", "takes a size such as 4096, 64KiB or 512MiB"),
        ("ca=", "takes a path"),
    ],
)
def test_a_wrong_type_says_what_is_taken_and_not_what_was_given(query: str, told: str) -> None:
    message = complaint(url=f"shelf://x?{query}")
    assert told in message
    assert query.partition("=")[2] not in message or query == "ca="


def test_the_query_is_read_by_the_types_of_the_options(here: Path) -> None:
    query = "retries=5&share=0.25&eager=true&mode=fast&patience=90s&part=64KiB&hosts=a,b&ca=x.pem&region=eu%20west"
    assert resolve(url=f"shelf://x?{query}").sessions.options == ShelfOptions(
        region="eu west",
        retries=5,
        share=0.25,
        eager=True,
        mode="fast",
        patience=timedelta(seconds=90),
        ca=here / "x.pem",
        part=65536,
        hosts=("a", "b"),
    )


def test_a_table_is_read_by_the_types_of_the_options() -> None:
    table = {"url": "shelf://x", "retries": 5, "share": 1, "eager": True, "hosts": ["a"], "ca": None}
    assert resolve(url=table).sessions.options == ShelfOptions(retries=5, share=1.0, eager=True, hosts=("a",))


@pytest.mark.parametrize(
    ("name", "value"),
    [("retries", True), ("retries", 1.0), ("eager", 1), ("region", 1), ("patience", 5), ("hosts", 5), ("hosts", [1])],
)
def test_a_table_is_not_read_more_loosely_than_a_url(name: str, value: object) -> None:
    assert f'the option "{name}" of the backend shelf takes ' in complaint(url={"url": "shelf://x", name: value})


def test_an_option_given_twice_is_refused() -> None:
    assert complaint(url="shelf://x?region=a&region=b").endswith('the URL gives the option "region" twice')
    told = complaint(url={"url": "shelf://x?region=a", "region": "a"})
    assert told.endswith('the option "region" is given twice, in the URL and beside it')


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("timeout = 0", "statekit.timeout: this is a positive number of seconds, or a duration such as 10s"),
        ('timeout = "soon"', "statekit.timeout: this is a positive number of seconds, or a duration such as 10s"),
        ("timeout = true", "statekit.timeout: this is a positive number of seconds"),
        ("namespace = 5", "statekit.namespace: this is text"),
        ('keys = "one"', "statekit.keys: this is a list of keys as `statekit keygen` prints them"),
        ("keys = []", "statekit.keys: this is a list of keys"),
        ('policy = "14d"', "statekit.policy: this is a table with times such as idle_timeout"),
        ("policy = { idle_timeout = 14 }", 'statekit.policy: the option "idle_timeout" of the policy takes a duration'),
        (
            'policy = { idle_timeout = "99d" }',
            "statekit.policy: idle_timeout is more than nothing and at most the life",
        ),
        ("sessions = 5", 'statekit.sessions: a store is a URL, or a table with "url" and options'),
        ("sessions = { region = 1 }", 'statekit.sessions: a store is a URL, or a table with "url" and options'),
    ],
)
def test_a_setting_of_the_wrong_kind_says_where_and_what_it_is(here: Path, setting: str, told: str) -> None:
    (here / "statekit.toml").write_text(f"[statekit]\n{setting}\n")
    assert f"{here / 'statekit.toml'}: {told}" in complaint()


def test_a_namespace_outside_its_grammar_is_refused() -> None:
    with pytest.raises(ConfigError, match="1 to 64 of a-z"):
        statekit.open("memory:", namespace="A B")


def test_a_key_that_is_none_is_refused_and_not_repeated() -> None:
    with pytest.raises(ConfigError, match="key 1 of the ring is malformed") as caught:
        statekit.open("memory:", keys=["hunter2"])
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b'[statekit]\nurl = "memory:\n', "line 2, column 15: "),
        (b"[statekit]\nurl = \n", "line 2, column 7: "),
        (b"[statekit]\nkeys = [\n'x'", "line 3"),
        (b'[statekit]\nurl = "\xff"\n', "line 2: this is not UTF-8, and TOML is"),
        (b"statekit = 5\n", ': "statekit" is a table'),
        (b"url = 5\n", '"url" is not known here; settings stand below [statekit]'),
    ],
)
def test_a_malformed_file_is_named_with_the_line(here: Path, content: bytes, told: str) -> None:
    path = here / "statekit.toml"
    path.write_bytes(content)
    message = complaint()
    assert str(path) in message
    assert told in message


def test_a_malformed_pyproject_of_ours_is_named_with_the_line(here: Path) -> None:
    (here / "pyproject.toml").write_text("[tool.statekit]\nurl = \n")
    assert f"{here / 'pyproject.toml'}, line 2, column 7: " in complaint()


def test_a_file_that_cannot_be_read_is_no_reason_to_look_further(here: Path) -> None:
    (here / "statekit.toml").symlink_to("statekit.toml")  # a loop: not even root can open it
    assert f"{here / 'statekit.toml'} cannot be read: " in complaint()


# URLs


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("memory:", Address("memory", "", "", {})),
        ("memory:NAME", Address("memory", "", "NAME", {})),
        ("local:relative/path", Address("local", "", "relative/path", {})),
        ("local:/absolute", Address("local", "", "/absolute", {})),
        ("local:///absolute", Address("local", "", "/absolute", {})),
        ("local:with%20space%3F", Address("local", "", "with space?", {})),
        ("redis://host:6379/0", Address("redis", "host:6379", "/0", {})),
        ("redis://user@host", Address("redis", "user@host", "", {})),
        ("redis://[::1]:6379/0?a=b@c", Address("redis", "[::1]:6379", "/0", {"a": "b@c"})),
        ("unix:///path.sock?db=1", Address("unix", "", "/path.sock", {"db": "1"})),
        ("DynamoDB://Shop-State", Address("dynamodb", "Shop-State", "", {})),
        ("s3://Bucket/pre@fix/", Address("s3", "Bucket", "/pre@fix/", {})),
        ("s3://b?endpoint=http%3A%2F%2Flocalhost%3A1", Address("s3", "b", "", {"endpoint": "http://localhost:1"})),
        ("s3://b?a=1+1&b=", Address("s3", "b", "", {"a": "1+1", "b": ""})),
        ("redis+cluster://h", Address("redis+cluster", "h", "", {})),
    ],
)
def test_urls_are_taken_apart(url: str, address: Address) -> None:
    assert parse(url) == address


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("", "this is no URL"),
        ("state", "this is no URL"),
        ("5:x", "this is no URL"),
        ("memory:#part", "a fragment"),
        ("memory:%", "a % that encodes nothing"),
        ("memory:%zz", "a % that encodes nothing"),
        ("memory:%ff", "not UTF-8"),
        ("memory:a%00b", "an encoded control character"),
        ("memory:\n", "a control character"),
        (" memory:", "begins or ends with a space"),
        ("memory:?sync", "not made of name=value"),
        ("memory:?=x", "not made of name=value"),
        ("local:", "a directory is missing: as in local:.statekit"),
        ("local://relative/path", "as in local:relative or local:/absolute"),
    ],
)
def test_what_is_no_url_is_refused(url: str, told: str) -> None:
    assert told in complaint(url=url)


@given(st.text(max_size=40))
@quick
def test_any_text_is_an_address_or_a_configuration_error(text: str) -> None:
    try:
        parse(text)
    except ConfigError:
        return


@given(st.text(st.characters(categories=("L", "N", "P", "S", "Zs")), max_size=30))
@quick
def test_any_path_can_be_written_as_a_url(path: str) -> None:
    from urllib.parse import quote

    assert parse(f"local:{quote(path)}").path == path


# Secrets


@pytest.mark.parametrize(
    "url",
    [
        "redis://:hunter2@host",
        "redis://user:hunter2@host:6379/0",
        "redis://:123@host",
        "redis://:hunter2/x@host",
        "redis://:hunter2#x@host",
        "redis://:hunter2?x@host",
        "redis://host?password=hunter2",
        "redis://host?PASSWD=hunter2",
        "s3://bucket?secret_access_key=hunter2",
        "s3://bucket?aws-access-key=hunter2",
        "s3://bucket?session_token=hunter2",
        "shelf://x?key=hunter2",
        "shelf://x?pass%77ord=hunter2",
        "shelf://x?token=%zzhunter2",
    ],
)
def test_a_secret_in_a_url_is_refused_and_never_repeated(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        statekit.open(url)
    assert caught.value.clause == "P-04"
    assert "environment variables" in str(caught.value)
    for secret in ("hunter2", "123"):
        assert secret not in str(caught.value)
        assert caught.value.__cause__ is None


def test_a_secret_in_a_table_is_refused_and_never_repeated() -> None:
    told = complaint(sessions={"url": "shelf://x", "password": "hunter2"})
    assert 'the option "password" would hold a secret' in told
    assert "hunter2" not in told


def test_text_that_may_be_a_misplaced_secret_is_not_repeated() -> None:
    assert "hunter 2" not in complaint(url="shelf://x?hunter 2=x")
    assert "SHOUTED" not in complaint(url="shelf://x?mode=SHOUTED")


@pytest.mark.parametrize(
    "name", ["password", "db_password", "api_key", "apikey", "key", "secret", "sas", "auth", "X-Token"]
)
def test_names_of_secrets_are_recognised(name: str) -> None:
    assert is_secret(name)


@pytest.mark.parametrize(
    "name", ["region", "key_prefix", "kms_key_id", "authority", "signatures_v4", "keyspace", "monkey"]
)
def test_names_that_only_resemble_them_are_not(name: str) -> None:
    assert not is_secret(name)


# Platforms


@pytest.mark.parametrize(("variable", "platform"), VARIABLES.items())
def test_the_default_is_refused_where_the_disk_does_not_last(
    variable: str, platform: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "x")
    with pytest.raises(ConfigError) as caught:
        statekit.open()
    assert caught.value.clause == "P-10"
    assert f"the disk of {platform} (recognised by {variable}) does not last" in str(caught.value)
    assert "set STATEKIT_URL" in str(caught.value)


def test_a_directory_that_somebody_names_is_taken_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "x")
    assert resolve(url="local:/mnt/state").sessions.path == "/mnt/state"


def test_one_configured_store_is_enough_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VERCEL", "1")
    assert resolve(sessions="shelf://x").objects is NOWHERE


# Values and options


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("250ms", timedelta(milliseconds=250)),
        ("90s", timedelta(seconds=90)),
        ("1.5h", timedelta(minutes=90)),
        ("15m", timedelta(minutes=15)),
        ("14d", timedelta(days=14)),
        ("2w", timedelta(weeks=2)),
    ],
)
def test_durations_have_a_number_and_a_unit(text: str, value: timedelta) -> None:
    assert duration(text) == value


@pytest.mark.parametrize("text", ["", "5", "5 s", "s", "-5s", "5S", "1h30m", "5 minutes", "1e3s", "\u0665s", 5, None])
def test_anything_else_is_no_duration(text: object) -> None:
    with pytest.raises(WrongValueError):
        duration(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [("4096", 4096), ("1B", 1), ("64KiB", 65536), ("1kB", 1000), ("512MiB", 2**29), ("2GB", 2 * 10**9), (7, 7)],
)
def test_sizes_have_a_number_and_a_unit(text: object, value: int) -> None:
    assert size(text) == value


@pytest.mark.parametrize("text", ["", "MiB", "1 MiB", "1.5MiB", "-1", "1KB", "1mb", "1PiB", 1.5, True])
def test_anything_else_is_no_size(text: object) -> None:
    with pytest.raises(WrongValueError):
        size(text)


def test_seconds_are_a_number_or_a_duration_above_zero() -> None:
    assert (seconds(2), seconds(0.5), seconds("500ms")) == (2.0, 0.5, 0.5)
    for wrong in (10**400, 0, -1, True, "5", float("inf"), float("nan"), None):
        with pytest.raises(WrongValueError):
            seconds(wrong)


def test_text_may_stand_for_a_literal_that_is_none() -> None:
    assert convert(Literal[1, 2], "2", None) == 2
    assert convert(Literal["1"], "1", None) == "1"
    with pytest.raises(WrongValueError):
        convert(Literal[1], True, None)


def test_a_type_that_no_configuration_can_hold_takes_nothing() -> None:
    @dataclass(frozen=True)
    class Strange:
        thing: object = None

    with pytest.raises(ConfigError, match="takes nothing that a configuration can hold"):
        read(Strange, {"thing": "x"}, None, owner="the backend strange")


def test_an_option_without_a_default_is_asked_for() -> None:
    @dataclass(frozen=True)
    class Needy:
        region: str

    with pytest.raises(ConfigError, match='the backend needy needs the option "region"'):
        read(Needy, {}, None, owner="the backend needy")


def test_options_that_refuse_each_other_say_so() -> None:
    @dataclass(frozen=True)
    class Picky:
        fast: bool = False
        safe: bool = False

        def __post_init__(self) -> None:
            if self.fast and self.safe:
                raise ValueError("fast and safe exclude each other")

    with pytest.raises(ConfigError, match="together: fast and safe exclude each other"):
        read(Picky, {"fast": "true", "safe": "true"}, None, owner="the backend picky")


def test_options_whose_types_cannot_be_read_are_their_authors_to_mend() -> None:
    @dataclass(frozen=True)
    class Broken:
        thing: Nonsense = None  # type: ignore[name-defined]  # noqa: F821

    with pytest.raises(ConfigError, match="they are the author's to mend"):
        read(Broken, {}, None, owner="the backend broken")


def test_the_local_backend_has_the_options_that_it_declares() -> None:
    assert resolve(url="local:x?sync=normal").sessions.options == LocalOptions(sync="normal")


def test_settings_have_the_documented_defaults() -> None:
    settings: Settings = resolve(url="memory:")
    assert (settings.timeout, settings.attempt_timeout, settings.keys, settings.namespace) == (10.0, 10.0, (), "")
    assert settings.policy == SessionPolicy()
