"""An honest, durable Google Cloud Storage engine for tests, on one machine and one SQLite file.

It speaks the part of the JSON API and of the XML API that real clients use, honours every precondition
atomically, keeps every acknowledged write across a kill, and really verifies V4 signatures and POST policies.

It is a test engine, not a production server. There is no access control beyond an optional token: by default
every request is taken, and only what claims to be signed must be. No version of an object but the live one; no
holds, retention, encryption keys, notifications or access lists. Lifecycle rules are stored, never executed, and
stored gzip is never decompressed. The XML API knows objects only, path-style, without its multipart upload. What
the engine does not implement it refuses with 501 wherever ignoring it would change what a request means.

Start it with ``python -m statekit_conformance.engines.gcs --port PORT --data DIRECTORY``.
"""
