"""What the conformance suite judges here."""

from statekit_conformance.targets import Target


def pytest_statekit_targets():
    """Return the target. There is no server: the engine lives in its clients, and dies with each of them."""
    return [Target(name="lmdb", url="lmdb:{directory}/state", distribution="statekit-lmdb")]
