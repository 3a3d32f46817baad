"""The engine as a command: what stands in its way is said in one line."""

import json
import socket
import subprocess
import sys

import pytest

from statekit_conformance.engines.gcs.__main__ import main


def refused(capsys, *arguments):
    """Return the last line of what a start in vain says."""
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    printed = capsys.readouterr().err.strip().rpartition("\n")[2]
    return printed or str(ended.value)


def test_an_occupied_port_is_named(tmp_path):
    command = [sys.executable, "-m", "statekit_conformance.engines.gcs", "--data", str(tmp_path)]
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = subprocess.run([*command, "--port", str(port)], capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"cannot listen on 127.0.0.1, port {port}; choose another")
    assert ended.stderr.count("\n") == 1


def test_a_number_that_is_no_port_is_refused(tmp_path, capsys):
    assert "a port is a number up to 65535" in refused(capsys, "--port", "65536", "--data", str(tmp_path))


def test_an_address_that_others_reach_has_to_be_asked_for(tmp_path, capsys):
    assert "--anywhere" in refused(capsys, "--port", "0", "--data", str(tmp_path), "--host", "0.0.0.0")


def test_a_folder_that_cannot_be_one_is_named(tmp_path, capsys):
    (tmp_path / "file").write_text("in the way")
    assert str(tmp_path / "file") in refused(capsys, "--port", "0", "--data", str(tmp_path / "file" / "data"))


def test_a_folder_that_another_engine_serves_is_named(shared_engine, capsys):
    assert refused(capsys, "--port", "0", "--data", str(shared_engine.data)) == (
        f"cannot start: another engine serves {shared_engine.data}"
    )


def test_data_of_something_else_is_left_alone(tmp_path, capsys):
    (tmp_path / "gcs.sqlite3").write_text("not a database")
    assert "file is not a database" in refused(capsys, "--port", "0", "--data", str(tmp_path))
    assert (tmp_path / "gcs.sqlite3").read_text() == "not a database"


@pytest.mark.parametrize(
    ("account", "reason"),
    [
        (None, "No such file"),
        ("no JSON", "is no service account"),
        ("[]", "is no service account"),
        (json.dumps({"client_email": "a@b"}), "private_key"),
        (json.dumps({"client_email": "a@b", "public_key": "none"}), "is no service account"),
    ],
)
def test_a_file_that_is_no_service_account_is_named(tmp_path, capsys, account, reason):
    path = tmp_path / "account.json"
    if account is not None:
        path.write_text(account)
    said = refused(capsys, "--port", "0", "--data", str(tmp_path / "data"), "--service-account", str(path))
    assert reason in said
    assert str(path) in said


def test_a_missing_package_is_named_with_what_installs_it(tmp_path, capsys, monkeypatch):
    for name in ("cheroot", "statekit_conformance.engines.gcs.server"):
        monkeypatch.setitem(sys.modules, name, None)
    assert "statekit-conformance[engines]" in refused(capsys, "--port", "0", "--data", str(tmp_path))
