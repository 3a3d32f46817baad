"""Everything that is checked: ``python -m pip install nox && python -m nox``."""

from __future__ import annotations

import os
from pathlib import Path

import nox

nox.needs_version = ">=2024.4.15"
nox.options.sessions = ["lint", "imports", "types", "tests", "conformance", "mutants", "docs", "examples", "build"]
nox.options.error_on_missing_interpreters = True

PLUGINS = tuple(sorted(str(path.parent) for path in Path("plugins").glob("statekit-*/pyproject.toml")))
TESTING = ("pytest>=9", "pytest-randomly>=3.16", "pytest-timeout>=2.3", "hypothesis>=6.150")
FRAMEWORKS = {
    "newest": ("flask", "fastapi", "starlette", "httpx2", "django"),
    "oldest": (
        "flask==3.0.0",
        "werkzeug==3.0.0",
        "fastapi==0.115.3",
        "starlette==0.40.0",
        "httpx==0.27.0",
        "anyio==4.6.0",
        "django==5.1",
        "python-multipart==0.0.20",
    ),
}
"""What the integrations are tested with: the oldest is what the extras promise."""
PHOTOBOOTH = ("fastapi>=0.115.3", "uvicorn>=0.30", "jinja2>=3.1", "Pillow>=11")
"""What the photo booth needs besides statekit: examples/photobooth/requirements.txt."""
TARGETS = (
    "aws@dynalite+seaweedfs",
    "redis@valkey",
    "aws@moto",
    "gcs@engine",
    "local",
    "memory",
    "gcs@fake-gcs-server",
)
"""What CI judges, the slowest first: one that cannot start is a failure, so that the proof never shrinks unseen.

Left out, for time: a fake that is slower than the engine (fakeredis), and further servers of one engine's kind.
"""
_PROCESSES = ("-n", "4")
"""One for each target at a time; they wait more than they work."""


def install_all(session: nox.Session, *more: str) -> None:
    """Install the core, the suite and every plugin from this checkout."""
    editable = [
        argument for path in (".[crypto,otel,gateway]", "conformance[engines]", *PLUGINS) for argument in ("-e", path)
    ]
    session.install(*editable, *TESTING, *more)


@nox.session
def lint(session: nox.Session) -> None:
    """Style: ruff's rules and its formatting."""
    session.install("ruff>=0.15")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session
def imports(session: nox.Session) -> None:
    """The dependency rule: imports go down only."""
    plugins = [argument for path in PLUGINS for argument in ("-e", path)]
    session.install("import-linter>=2.5", "-e", ".", "-e", "conformance", *plugins)
    session.run("lint-imports", "--no-cache")


@nox.session
def types(session: nox.Session) -> None:
    """Types: mypy --strict on everything that is shipped, pyright on the public interface."""
    stubs = ("boto3-stubs[s3,dynamodb]", *PHOTOBOOTH, *FRAMEWORKS["newest"])
    install_all(session, "pytest-xdist>=3.6", "mypy>=1.18", "pyright>=1.1.400", *stubs)
    packages = ("statekit", "conformance/statekit_conformance", "examples/photobooth/photobooth")
    for package in (*packages, *(f"{path}/src" for path in PLUGINS)):
        session.run("mypy", "--strict", package)
    session.run("pytest", "-p", "no:randomly", "tests/typing")


@nox.session
def tests(session: nox.Session) -> None:
    """Unit tests, plans stepped by hand, the interleaving explorer, and the suite's and plugins' own tests."""
    install_all(session, "pytest-xdist>=3.6", *PHOTOBOOTH, *FRAMEWORKS["newest"])
    paths = session.posargs or ["tests", "conformance/tests", *(f"{path}/tests" for path in PLUGINS)]
    # xdist wants the same names of tests in each process, and some names show sets. Mutants have their own session.
    arguments = ["-n", "2", "--dist", "worksteal", "--ignore=conformance/tests/broken"]
    session.run("pytest", *arguments, *paths, env={"PYTHONHASHSEED": "0"})


@nox.session
@nox.parametrize("age", ["oldest", "newest"])
def frameworks(session: nox.Session, age: str) -> None:
    """The integrations with the oldest and the newest frameworks that they support."""
    session.install("-e", ".[crypto,gateway]", *TESTING, *FRAMEWORKS[age])
    renamed = "ignore:Please use `import python_multipart`:PendingDeprecationWarning"  # said to Starlette 0.40
    session.run("pytest", "-W", renamed, "tests/unit/integrations", *session.posargs)


@nox.session
def conformance(session: nox.Session) -> None:
    """The conformance suite on every target that can start here; ``-- --target NAME`` for others."""
    install_all(session, "pytest-xdist>=3.6")
    folder = Path(session.create_tmp())
    reports = [f"--statekit-report={folder / 'report.json'}", f"--statekit-html={folder / 'report.html'}"]
    arguments = ["--pyargs", "statekit_conformance", "-p", "no:randomly", *_PROCESSES, *reports]
    session.run("pytest", *arguments, *_targets(list(session.posargs)), env={"PYTHONHASHSEED": "0"})


def _targets(arguments: list[str]) -> list[str]:
    """Return the suite's options."""
    named = [argument.replace("--target", "--statekit-target", 1) for argument in arguments]
    if any(argument.startswith("--statekit-target") for argument in named):
        return named
    chosen = f"--statekit-require={','.join(TARGETS)}" if os.environ.get("CI") else "--statekit-target=all"
    return [*named, chosen]


@nox.session
def browser(session: nox.Session) -> None:
    """Pages in a headless Chromium upload straight to every store; it has to be installed: see STATEKIT_CHROMIUM."""
    install_all(session, "playwright>=1.55")
    session.run("pytest", "-p", "no:randomly", "conformance/browser", *session.posargs)


@nox.session
def photobooth(session: nox.Session) -> None:
    """Three browsers on the photo booth, its processes and stores killed: nothing may be lost. Chromium as above."""
    install_all(session, *PHOTOBOOTH, "playwright>=1.55", "scikit-image>=0.25", "mypy>=1.18")
    with session.chdir("examples/photobooth"):
        session.run("mypy", "--strict", "drive")
        session.run("python", "-m", "drive", *session.posargs)


@nox.session
def mutants(session: nox.Session) -> None:
    """Who tests the tests: every wrong backend and protocol is found, each by its clause. Prints the kill matrix."""
    install_all(session)
    paths = ("conformance/tests/broken", "tests/explore/test_mutants.py")
    session.run("python", "-m", "pytest", "-q", "-p", "conformance.tests.broken.matrix", *paths, *session.posargs)


@nox.session
def docs(session: nox.Session) -> None:
    """The examples in the documents run, and the generated documents are fresh."""
    session.install("-e", ".[crypto]", *TESTING)
    session.install("--no-deps", *(argument for path in PLUGINS for argument in ("-e", path)))  # they declare, no more
    session.run("pytest", "--doctest-glob=*.md", "README.md", "docs", "-p", "no:randomly")
    session.run("python", "docs/generate.py", "--check")


@nox.session
def examples(session: nox.Session) -> None:
    """The guide's example of a backend passes what the suite has for drivers, declarations and races."""
    session.install("-e", ".[crypto]", "-e", "conformance", "-e", "examples/statekit-lmdb", *TESTING, "mypy>=1.18")
    session.run("mypy", "--strict", "examples/statekit-lmdb/src")
    sections = [f"statekit_conformance.{name}" for name in ("registration", "records", "workloads")]
    with session.chdir("examples/statekit-lmdb"):
        session.run("pytest", "-p", "no:randomly", "--pyargs", *sections)


@nox.session
def build(session: nox.Session) -> None:
    """Wheels, installed into an empty environment, do the main job without the tree."""
    session.install("build>=1.2")
    wheels = Path(session.create_tmp()).resolve() / "wheels"
    for path in (".", "conformance", *PLUGINS):
        session.run("python", "-m", "build", "--wheel", "--outdir", str(wheels), path, silent=True)
    session.install("--force-reinstall", *(str(wheel) for wheel in sorted(wheels.glob("*.whl"))))
    outside = session.create_tmp()
    with session.chdir(outside):
        environment = {"PYTHONSAFEPATH": "1"}
        session.run("python", "-m", "statekit", "plugins", env=environment)
        session.run("python", "-m", "statekit", "demo", env=environment)


@nox.session
def bench(session: nox.Session) -> None:
    """Measure; prints tables and judges nothing."""
    install_all(session)
    for script in sorted(Path("bench").glob("*_bench.py")):
        session.run("python", str(script))
