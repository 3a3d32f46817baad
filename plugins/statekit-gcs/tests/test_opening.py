"""Options, places, clients, and what importing and opening cost."""

import subprocess
import sys

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage
from statekit_gcs import BACKEND, GcsOptions, statekit_backends
from statekit_gcs.place import Place, place_of

from statekit.driver import ANY, Opening
from statekit.testing import FakeClock


def opening(authority="bucket", path="", client=None, **options):
    return Opening(
        scheme="gs",
        authority=authority,
        path=path,
        options=GcsOptions(**options),
        client=client,
        attempt_timeout=5.0,
        concurrency=4,
        clock=FakeClock(),
    )


def test_importing_the_plugin_imports_no_sdk():
    code = "import sys, statekit_gcs; print(*(m for m in sys.modules if m.split('.')[0] in ('google', 'requests')))"
    seen = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "google.cloud" not in seen.stdout
    assert "requests" not in seen.stdout


def test_the_hook_returns_the_backend():
    assert tuple(statekit_backends()) == (BACKEND,)


@pytest.mark.parametrize(
    ("path", "root"),
    [("", ""), ("/", ""), ("/a", "a/"), ("/a/b/", "a/b/"), ("/ä", "ä/")],
)
def test_a_path_is_what_every_name_begins_with(path, root):
    assert place_of(opening(path=path)) == Place("bucket", root)


@pytest.mark.parametrize("wrong", [{"authority": ""}, {"path": "/" + "x" * 24}])
def test_a_url_without_bucket_or_with_too_long_a_prefix_is_refused(wrong):
    with pytest.raises(ValueError, match="URL"):
        BACKEND.open(opening(**wrong))


def test_options_that_contradict_each_other_are_refused():
    with pytest.raises(ValueError, match="exclude"):
        GcsOptions(anonymous=True, service_account_file="key.json")
    with pytest.raises(ValueError, match="http"):
        GcsOptions(endpoint="localhost:1234")


def test_opening_looks_for_no_credentials(monkeypatch):
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere/at/all")
    monkeypatch.delenv("STORAGE_EMULATOR_HOST", raising=False)
    drivers = BACKEND.open(opening())
    with pytest.raises(Exception, match="nowhere") as caught:
        drivers.records.read("k", timeout=1.0)
    assert drivers.records.fault(caught.value).fault.value == "denied"
    drivers.close()


def test_a_key_file_that_is_not_there_is_found_at_the_first_call():
    drivers = BACKEND.open(opening(service_account_file="/nowhere/key.json"))
    with pytest.raises(FileNotFoundError):
        drivers.records.read("k", timeout=1.0)


def test_a_client_handed_in_is_used_and_stays_open(endpoint, monkeypatch):
    client = storage.Client("statekit", AnonymousCredentials(), client_options={"api_endpoint": endpoint})
    monkeypatch.setattr(client, "close", lambda: pytest.fail("it was closed"))
    drivers = BACKEND.open(opening("statekit-gcs-tests", client=client))
    assert drivers.objects.delete("nothing", expect=ANY, timeout=5.0).value == "absent"
    drivers.close()
    assert drivers.objects.delete("nothing", expect=ANY, timeout=5.0).value == "absent"
    client._http.close()


def test_a_client_that_is_none_of_googles_is_refused():
    with pytest.raises(TypeError, match=r"storage\.Client"):
        BACKEND.open(opening(client=object()))


def test_options_that_a_client_has_decided_are_refused():
    client = storage.Client("statekit", AnonymousCredentials())
    with pytest.raises(ValueError, match="endpoint"):
        BACKEND.open(opening(client=client, endpoint="http://127.0.0.1:1"))
