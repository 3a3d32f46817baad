"""Engines for these tests, and the targets on which the shared suite judges this plugin."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

import boto3
import pytest
from statekit_aws import AWSOptions, DynamoDBOptions, S3Options

from statekit.driver import Opening
from statekit.testing import FakeClock
from statekit_conformance.engines import engine as engine_named


def opened_with(scheme, authority="", path="", client=None, attempt_timeout=30.0, **options):
    kinds = {"dynamodb": DynamoDBOptions, "s3": S3Options, "aws": AWSOptions}
    return Opening(
        scheme=scheme,
        authority=authority,
        path=path,
        options=kinds[scheme](**options),
        client=client,
        attempt_timeout=attempt_timeout,
        concurrency=32,
        clock=FakeClock(),
    )


@pytest.fixture(autouse=True)
def _own_session(monkeypatch):
    """Let ``boto3.client`` find the credentials of this test, and not keep those of the one before."""
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)


@pytest.fixture
def opening():
    """Return what makes an Opening from a scheme, an authority, a path and options."""
    return opened_with


@pytest.fixture(scope="session")
def _engines(tmp_path_factory):
    """Return what starts an engine at its first use."""
    started = {}

    def get(name):
        if name not in started:
            server = engine_named(name)
            if reason := server.available():
                pytest.skip(reason)
            server.start(Path(tmp_path_factory.mktemp(name)))
            started[name] = server
        return started[name]

    yield get
    for server in started.values():
        server.stop()


@pytest.fixture
def engine(_engines, monkeypatch):
    """Return what starts an engine, with its credentials in the environment and its endpoint not."""

    def get(name):
        server = _engines(name)
        for variable, value in server.environment.items():
            if not variable.startswith("AWS_ENDPOINT"):
                monkeypatch.setenv(variable, value)
        return server

    return get


@pytest.hookimpl(optionalhook=True)
def pytest_statekit_targets(config):
    """Give the suite this plugin's targets, with a table that the plugin itself has made."""
    try:
        from statekit_conformance.targets import Target
    except ImportError:
        return []
    common = {
        "distribution": "statekit-aws",
        "url": "dynamodb://{unique}",
        "objects_url": "s3://{unique}",
        "prepare": _prepare,
    }
    real = (("dynalite", "dynamodb"), ("seaweedfs", "s3"))
    return [
        Target(name="statekit-aws@moto", engines=(("moto", "dynamodb"), ("moto", "s3")), **common),
        Target(name="statekit-aws@dynalite+seaweedfs", engines=real, timeout=30.0, **common),
    ]


def _prepare(urls):
    from statekit_aws.provision import provision

    for url in urls:
        scheme, _, name = url.partition("://")
        provision(opened_with(scheme, name), dry_run=False)


@pytest.fixture
def unique():
    return f"t-{secrets.token_hex(6)}"


for _name in ("AWS_PROFILE", "AWS_ROLE_ARN"):  # nobody's own settings take part
    os.environ.pop(_name, None)
