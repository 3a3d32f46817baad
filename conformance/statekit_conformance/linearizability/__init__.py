"""The parts of the linearizability checker. Its public face is `statekit_conformance.checker`."""
