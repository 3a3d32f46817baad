"""An honest, durable Google Cloud Storage engine for tests, on one machine and one SQLite file.

It speaks the part of the JSON API and of the XML API that real clients use, honours every precondition
atomically, keeps every acknowledged write across a kill, and really verifies V4 signatures and POST policy
documents. It is not a production server: no access control beyond an optional token, no versions of an object
but the live one, and lifecycle rules are stored, never executed.

Start it with ``python -m statekit_conformance.engines.gcs --port PORT --data DIRECTORY``.
"""
