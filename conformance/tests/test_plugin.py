"""The pytest plugin as its users meet it: in processes of their own, in folders of their own."""

from __future__ import annotations

import ast
import json
import os
import re
import signal
import subprocess
import sys
import threading
from importlib.metadata import entry_points
from pathlib import Path

import pytest

import statekit_conformance
from statekit.contract import CLAUSES
from statekit_conformance.guard import Guard, foreign_host, is_loopback
from statekit_conformance.plugin import SECTIONS

HERE = Path(statekit_conformance.__file__).parent
ROOT = HERE.parent.parent
INSTALLED = any(point.name == "statekit" for point in entry_points(group="pytest11"))
OPTIONS = ["-p", "no:randomly", *([] if INSTALLED else ["-p", "statekit_conformance.plugin"])]
SUITE = ["--pyargs", "statekit_conformance.records"]
WHOLE = ["--pyargs", "statekit_conformance"]
ONE = "test_a_key_that_was_never_written_reads_as_none"
LIMIT = 100.0  # seconds

HANGING = """
import threading
from dataclasses import dataclass
from statekit.driver import *

class Records:
    def _hang(self, *args, **options):
        threading.Event().wait()
    read = write = touch = delete = page = _hang
    def fault(self, exc, /):
        return Failure(Fault.UNKNOWN)

@dataclass(frozen=True)
class Options:
    pass

def statekit_backends():
    return [Backend(contract=CONTRACT, name="odd", schemes=("odd",), options=Options, records=True, objects=False,
                    reach=Reach.NETWORK, survives=Survives.CLIENT, open=lambda opening: Drivers(records=Records()))]
"""
SERVED = """
import subprocess, sys
from statekit_conformance.targets import Target

def start(folder):
    server = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
    start.server = server
    open("pid", "w").write(str(server.pid))
    return {"name": "served"}

def stop():
    start.server.kill()
    start.server.wait()

def pytest_statekit_targets():
    return [Target(name="mine", url="memory:{name}", start=start, stop=stop)]
"""

PAUSED = """
import threading

def pytest_runtest_call(item):
    open("reached", "w").close()
    while True:
        threading.Event().wait(0.05)
"""
"""A case is where pytest bears to be interrupted; its report of an interrupted import fails.

It waits in pieces: an interrupt that comes just before a wait is noticed after it.
"""


def environment(*more):
    """Return this process's environment, with what it can import."""
    paths = [*map(str, more), *filter(None, sys.path)]
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(paths),
        "PYTEST_ADDOPTS": "",
        "PYTEST_XDIST_AUTO_NUM_WORKERS": "2",
    }


def pytest_in(folder, *arguments, paths=()):
    """Run pytest in a folder, and return what it came to."""
    command = [sys.executable, "-m", "pytest", *OPTIONS, *arguments]
    return subprocess.run(
        command, cwd=folder, env=environment(*paths), capture_output=True, text=True, timeout=LIMIT, check=False
    )


def plugin_in(folder, module, code, scheme="odd"):
    """Make a plugin that counts as installed where the folder is imported from."""
    (folder / f"{module}.py").write_text(code)
    info = folder / f"{module}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[statekit]\n{scheme} = {module}\n")
    return folder


def one_line(done, *words):
    """Exactly one line of what was printed has all the words; return it."""
    lines = [line for line in (done.stdout + done.stderr).splitlines() if all(word in line for word in words)]
    assert len(lines) == 1, done.stdout + done.stderr
    return lines[0]


@pytest.fixture
def interruptible():
    """Interrupts are noticed, even where this run was started in the background, which is to ignore them."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


class TestItsWeight:
    def test_the_plugin_alone_imports_nothing_but_pytest(self, tmp_path):
        code = "import pytest, sys; before = set(sys.modules); import statekit_conformance.plugin; print(sorted(set(sys.modules) - before))"
        done = subprocess.run(
            [sys.executable, "-c", code], env=environment(), capture_output=True, text=True, check=True
        )
        assert ast.literal_eval(done.stdout) == ["statekit_conformance", "statekit_conformance.plugin"]

    def test_a_run_of_other_tests_imports_nothing_of_it(self, tmp_path):
        (tmp_path / "test_theirs.py").write_text(
            "import sys\ndef test_it():\n    ours = [n for n in sys.modules if n.startswith('statekit')]\n"
            "    assert sorted(ours) == ['statekit_conformance', 'statekit_conformance.plugin']\n"
        )
        done = pytest_in(tmp_path)
        assert done.returncode == 0, done.stdout
        assert "contract" not in done.stdout


class TestWaysIn:
    def test_a_known_target(self, tmp_path):
        done = pytest_in(tmp_path, *SUITE, "--statekit-target", "memory", "-k", ONE)
        assert done.returncode == 0, done.stdout
        assert "statekit targets: memory" in done.stdout
        assert "1 passed" in done.stdout

    def test_a_url_and_nothing_else(self, tmp_path):
        done = pytest_in(tmp_path, *SUITE, "--statekit-url", f"local:{tmp_path}/state", "-k", ONE)
        assert done.returncode == 0, done.stdout
        assert "1 passed" in done.stdout

    def test_several_of_each(self, tmp_path):
        urls = ["--statekit-url", "memory:one", "--statekit-url", "memory:two"]
        done = pytest_in(tmp_path, *SUITE, *urls, "--statekit-target", "local", "-k", ONE, "-v")
        assert done.returncode == 0, done.stdout
        for name in ("local-sync", "memory-sync", "memory-2-sync"):
            assert f"{ONE}[{name}]" in done.stdout

    def test_a_hook_in_a_conftest(self, tmp_path):
        (tmp_path / "conftest.py").write_text(SERVED)
        done = pytest_in(tmp_path, *SUITE, "-k", ONE)
        assert done.returncode == 0, done.stdout
        assert "statekit targets: mine" in done.stdout
        with pytest.raises(ProcessLookupError):
            os.kill(int((tmp_path / "pid").read_text()), 0)

    def test_the_template_as_it_is_delivered(self, tmp_path):
        template = ROOT / "plugins" / "_template"
        if not template.is_dir():
            pytest.skip("this is not a checkout")
        info = plugin_in(tmp_path, "statekit_template", "", scheme="template")
        (info / "statekit_template.py").unlink()
        quick = ["-k", "test_conditions or test_deleting or test_expiry or test_touching or registration"]
        paths = (template / "src", tmp_path)
        done = pytest_in(template, *WHOLE, *quick, "-p", "no:cacheprovider", paths=paths)
        assert done.returncode == 0, done.stdout
        assert "failed" not in done.stdout


class TestNativeItems:
    def test_settings_of_a_users_own_tests_do_not_matter(self, tmp_path):
        (tmp_path / "pytest.ini").write_text(
            "[pytest]\npython_files = check_*.py\npython_functions = check\naddopts = --strict-markers\nfilterwarnings = error\n"
        )
        done = pytest_in(tmp_path, *SUITE, "--statekit-target", "memory", "-k", ONE)
        assert "1 passed" in done.stdout, done.stdout

    def test_python_files_that_take_everything_collect_no_module_of_ours_as_tests(self, tmp_path):
        (tmp_path / "pytest.ini").write_text("[pytest]\npython_files = *.py\n")
        done = pytest_in(tmp_path, *WHOLE, "--statekit-target", "memory", "--collect-only", "-q")
        assert done.returncode == 0, done.stdout
        cases = [line for line in done.stdout.splitlines() if "::" in line]
        assert cases
        assert all("/test_" in line.partition("::")[0] for line in cases)

    def test_last_failed_runs_the_last_failed(self, tmp_path):
        plugins = plugin_in(tmp_path, "odd_plugin", HANGING)
        options = [*SUITE, "--statekit-url", "odd://x", "--statekit-target", "memory", "--statekit-case-timeout", "1"]
        pytest_in(tmp_path, *options, "-k", ONE, paths=[plugins])
        again = pytest_in(tmp_path, *options, "--lf", paths=[plugins])
        assert f"{ONE}[memory" not in again.stdout
        assert again.returncode == 1

    @pytest.mark.parametrize("option", [(), ("--statekit-threads",)], ids=["by default", "asked for"])
    def test_asynchronous_states_on_threads_are_judged_by_agreement_and_where_asked_for(self, option, tmp_path):
        plugins = plugin_in(tmp_path, "odd_plugin", HANGING)
        agreement, another = "test_programs_on_sessions_are_answered_as_in_memory", "test_a_prefix_may_end_anywhere"
        chosen = ["--collect-only", "-q", "-k", f"{agreement} or {another}", "--statekit-url", "odd://x", *option]
        done = pytest_in(tmp_path, *WHOLE, *chosen, paths=[plugins])
        assert f"{agreement}[odd-async" in done.stdout
        assert f"{another}[odd-sync" in done.stdout
        assert (f"{another}[odd-async" in done.stdout) == bool(option)

    def test_several_workers_report_as_one(self, tmp_path):
        pytest.importorskip("xdist")
        options = [*SUITE, "--statekit-target", "memory,local", "-k", "test_versions and not processes"]
        assert pytest_in(tmp_path, *options, "--statekit-report", "one.json").returncode == 0
        done = pytest_in(tmp_path, *options, "--statekit-report", "two.json", "-n", "2")
        assert done.returncode == 0, done.stdout
        one, two = (json.loads((tmp_path / name).read_text()) for name in ("one.json", "two.json"))
        for document in (one, two):
            for result in document["results"]:
                del result["seconds"]
        assert one == two

    def test_one_worker_has_all_cases_of_a_target(self, tmp_path):
        pytest.importorskip("xdist")
        done = pytest_in(tmp_path, *SUITE, "--statekit-target", "memory,local", "-k", "versions", "-n", "2", "-v")
        found = re.findall(r"\[(gw\d)\].* PASSED .*\[(memory|local)-", done.stdout)
        assert len(found) > 10
        assert len(set(found)) == len({worker for worker, _ in found}) == 2


class TestBadInput:
    @pytest.fixture(autouse=True)
    def _in_folder(self, tmp_path):
        self.folder = tmp_path

    def refused(self, *arguments, paths=()):
        """Run, and return the one line of a usage error."""
        done = pytest_in(self.folder, *SUITE, *arguments, paths=paths)
        assert done.returncode == pytest.ExitCode.USAGE_ERROR, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return one_line(done, "ERROR: ")

    def test_no_target_and_no_url(self):
        line = self.refused()
        assert "--statekit-target" in line
        assert "--statekit-url" in line

    def test_an_unknown_target_lists_the_known_ones(self):
        line = self.refused("--statekit-target", "memry")
        assert "'memry'" in line
        assert "memory, local" in line

    def test_a_target_whose_plugin_is_missing(self):
        (self.folder / "conftest.py").write_text(
            "from statekit_conformance.targets import Target\n"
            "def pytest_statekit_targets():\n"
            "    return [Target(name='absent', url='absent:x', distribution='statekit-absent'),\n"
            "            Target(name='here', url='memory:x')]\n"
        )
        line = self.refused("--statekit-target", "absent")
        assert line.endswith("the target absent cannot start: statekit-absent is not installed")
        assert "absent cannot start" in self.refused("--statekit-target", "all", "--statekit-require", "absent")
        done = pytest_in(
            self.folder, *SUITE, "--statekit-target", "all", "-k", f"{ONE} and here", "--statekit-report", "r"
        )
        assert done.returncode == 0, done.stdout
        one_line(done, "statekit target absent cannot start: statekit-absent is not installed")
        report = json.loads((self.folder / "r").read_text())
        assert report["targets"]["absent"]["reason"] == "statekit-absent is not installed"
        assert {r["status"] for r in report["results"] if r["target"] == "absent"} == {"skipped"}

    def test_a_url_without_a_backend(self):
        assert 'no backend here has the scheme "nosuch"' in self.refused("--statekit-url", "nosuch://x")

    def test_a_url_of_another_host(self):
        plugins = plugin_in(self.folder, "odd_plugin", HANGING)
        line = self.refused("--statekit-url", "odd://db.example.com:6379/0", paths=[plugins])
        assert "db.example.com" in line
        assert "--statekit-allow" in line

    def test_a_plugin_that_raises_at_import(self):
        plugins = plugin_in(self.folder, "odd_plugin", "import no_such_sdk\n")
        line = self.refused("--statekit-url", "odd://x", paths=[plugins])
        assert "no_such_sdk" in line

    def test_a_report_that_cannot_be_written(self):
        assert "is no folder" in self.refused("--statekit-target", "memory", "--statekit-report", "no/such/report.json")

    def test_waivers_that_cannot_be_read(self):
        assert "waivers" in self.refused("--statekit-target", "memory", "--statekit-waivers", "none.toml")

    def test_a_server_that_does_not_start(self):
        (self.folder / "conftest.py").write_text(
            SERVED.replace('open("pid", "w")', 'raise RuntimeError("port 1 is occupied"); open("pid", "w")')
        )
        done = pytest_in(self.folder, *SUITE, "-k", ONE)
        assert done.returncode == pytest.ExitCode.TESTS_FAILED
        one_line(done, "FAIL the target mine was not judged: RuntimeError: port 1 is occupied")

    def test_a_driver_that_hangs_fails_with_one_line_and_does_not_keep_the_run(self):
        plugins = plugin_in(self.folder, "odd_plugin", HANGING)
        options = ["--statekit-url", "odd://x", "--statekit-case-timeout", "1", "-k", "test_conditions"]
        done = pytest_in(self.folder, *SUITE, *options, paths=[plugins])
        assert done.returncode == pytest.ExitCode.TESTS_FAILED, done.stdout
        assert "did not end within 1 s" in done.stdout
        assert "odd hung in 3 cases and is asked no more" in done.stdout

    @pytest.mark.usefixtures("interruptible")
    def test_an_interrupted_run_leaves_no_server_behind(self):
        (self.folder / "conftest.py").write_text(SERVED)
        (self.folder / "paused.py").write_text(PAUSED)
        run = subprocess.Popen(
            [sys.executable, "-m", "pytest", *OPTIONS, "-p", "paused", *SUITE],
            cwd=self.folder,
            env=environment(self.folder),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        until((self.folder / "reached").exists)
        run.send_signal(signal.SIGINT)
        run.communicate(timeout=LIMIT)
        assert run.returncode == pytest.ExitCode.INTERRUPTED
        with pytest.raises(ProcessLookupError):
            os.kill(int((self.folder / "pid").read_text()), 0)


def until(condition):
    """Wait for another process to get there."""
    pause = threading.Event()
    for _ in range(1_000):
        if condition():
            return
        pause.wait(0.02)
    raise AssertionError("it never did")


class TestLoopbackOnly:
    @pytest.mark.parametrize("host", ["127.0.0.1", "127.3.2.1", "::1", "[::1]", "localhost", "a.localhost", ""])
    def test_this_machine(self, host):
        assert is_loopback(host)

    @pytest.mark.parametrize("host", ["10.0.0.1", "example.com", "localhost.example.com", "::2", "169.254.169.254"])
    def test_other_machines(self, host):
        assert not is_loopback(host)

    @pytest.mark.parametrize(
        ("url", "host"),
        [
            ("redis://10.1.2.3/0", "10.1.2.3"),
            ("redis://cache.example.com:6379", "cache.example.com"),
            ("redis://user@cache.example.com:6379/0", "cache.example.com"),
            ("s3://bucket?endpoint_url=http://minio.example.com:9000", "minio.example.com"),
            ("s3://bucket?endpoint_url=https%3A%2F%2F10.0.0.9", "10.0.0.9"),
            ("redis://[2001:db8::1]:6379", "[2001:db8::1]"),
            ("redis://127.0.0.1:6379/0", None),
            ("redis://[::1]:6379", None),
            ("s3://bucket.with.dots", None),
            ("s3://bucket?endpoint_url=http://127.0.0.1:9000", None),
            ("local:/var/lib/x", None),
            ("memory:", None),
        ],
    )
    def test_a_url_is_read_for_a_host(self, url, host):
        assert foreign_host(url, ()) == host
        assert foreign_host(url, [host or ""]) is None

    def test_a_guarded_process_connects_to_nobody_else(self):
        import socket

        guard = Guard(["allowed.example"])
        try:
            with pytest.raises(PermissionError, match=r"--statekit-allow 192\.0\.2\.1"), socket.socket() as other:
                other.connect(("192.0.2.1", 9))
            with pytest.raises(PermissionError, match=r"--statekit-allow db\.example"):
                socket.getaddrinfo("db.example", 80)
            with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()[:2]):
                pass
        finally:
            guard.close()


class TestCases:
    """The cases as a whole."""

    files = sorted(path for section in SECTIONS for path in (HERE / section).glob("test_*.py"))

    def test_every_clause_has_a_case_and_every_case_a_clause(self):
        named = set()
        for path in self.files:
            for function in ast.parse(path.read_text()).body:
                if isinstance(function, ast.FunctionDef) and function.name.startswith("test_"):
                    ids = clauses_named(function)
                    assert ids, f"{path.name}: {function.name} names no clause"
                    named |= ids
        assert named - {entry.id for entry in CLAUSES} == set()
        assert {entry.id for entry in CLAUSES} - named == set()

    def test_no_case_names_a_backend(self):
        """Strings that cases hold or compare with are no backend's name. Configuration is about names and URLs."""
        names = {"memory", "local", "redis", "dynamodb", "s3", "gcs", "aws", "valkey", "moto", "fakeredis", "seaweedfs"}
        for path in self.files:
            if path.parent.name == "configuration":
                continue
            for node in ast.walk(ast.parse(path.read_text())):
                value = getattr(node, "value", None) if isinstance(node, ast.Constant) else None
                assert value not in names, f"{path}:{node.lineno}"


def clauses_named(function):
    """Return the ids that a case's decorators name."""
    calls = [node for node in function.decorator_list if isinstance(node, ast.Call)]
    ours = [call for call in calls if getattr(call.func, "id", None) == "clause"]
    return {argument.value for call in ours for argument in call.args}
