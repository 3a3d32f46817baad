"""What the conformance suite judges here."""

from statekit_conformance.targets import Target


def pytest_statekit_targets():
    """Return the targets. One with a server of its own also gives start, kill, restart and stop."""
    return [Target(name="template", url="template:{directory}/state.db", distribution="statekit-template")]
