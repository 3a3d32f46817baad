"""What a URL means, and that importing and opening the plugin does nothing."""

import subprocess
import sys

import pytest
from statekit_redis import BACKEND, RedisOptions
from statekit_redis.connect import client_arguments, node_of


@pytest.mark.parametrize(
    ("authority", "host", "port"),
    [("", "localhost", 6379), ("h", "h", 6379), ("h:7", "h", 7), ("[::1]:7", "::1", 7), ("[::1]", "::1", 6379)],
)
def test_an_authority_is_host_and_port(opening, authority, host, port):
    assert node_of(opening(authority=authority)) == {"host": host, "port": port}


def test_a_socket_is_a_path(opening):
    assert node_of(opening("unix", "", "/run/redis.sock")) == {"unix_socket_path": "/run/redis.sock"}


def test_the_database_is_the_path_or_an_option_but_not_both(opening):
    assert client_arguments(opening(path="/3"))["db"] == 3
    assert client_arguments(opening(db=4))["db"] == 4
    with pytest.raises(ValueError, match="not both"):
        client_arguments(opening(path="/3", db=4))


def test_the_password_comes_from_the_environment(opening, monkeypatch):
    monkeypatch.setenv("MY_SECRET", "s3cret")
    assert client_arguments(opening(password_env="MY_SECRET"))["password"] == "s3cret"


def test_a_prefix_with_braces_would_change_the_slots_and_is_refused():
    with pytest.raises(ValueError, match="prefix"):
        RedisOptions(prefix="{x}")


def test_importing_the_plugin_imports_no_client_library():
    code = "import sys, statekit_redis; sys.exit('redis' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("scheme", ["redis", "rediss", "redis+cluster"])
def test_opening_sends_nothing(opening, scheme):
    drivers = BACKEND.open(opening(scheme, "127.0.0.1:1"))
    drivers.close()
