"""The contract: what every store does on every backend, as numbered clauses.

CONTRACT.md is generated from this module, the conformance suite reports a verdict for each clause, and docstrings, errors
and tests cite the ids. An id is never used again for something else.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

__all__ = ["CLAUSES", "Clause", "Level", "Party", "clause", "render"]


class Party(Enum):
    """Who owes the clause to whom."""

    CORE = "core"
    """statekit to the application, on every backend."""
    DRIVER = "driver"
    """The author of a backend to statekit."""


class Level(Enum):
    """How binding the clause is."""

    MUST = "must"
    SHOULD = "should"


@dataclass(frozen=True, slots=True)
class Clause:
    """One testable sentence.

    Attributes:
        id: A letter for the subject and a number.
        text: The sentence, in the present tense.
        party: Who owes it.
        level: How binding it is.
        needs: What a backend must offer for the clause to apply: ``records``, ``objects``, ``multipart``, ``reopen``
            (state that a second opening sees), ``signing`` (an engine that verifies signatures), ``processes`` (a reach beyond the process), ``durable`` (survives the
            server's death).
    """

    id: str
    text: str
    party: Party
    level: Level = Level.MUST
    needs: tuple[str, ...] = ()


def _section(party: Party, needs: tuple[str, ...], *rows: tuple[str, str]) -> tuple[Clause, ...]:
    """Build the clauses of one section; ``id +need`` adds a need to one of them."""
    built = []
    for label, text in rows:
        name, *more = label.split(" +")
        built.append(Clause(name, text, party, needs=needs + tuple(more)))
    return tuple(built)


_RECORDS: Final = _section(
    Party.DRIVER,
    ("records",),
    (
        "R-01",
        "A write that expects ABSENT stores the record where nothing is stored, and is refused where a record is, expired or not.",
    ),
    (
        "R-02",
        "A write that expects a version stores the record if exactly that version is stored, and is refused otherwise, absence included.",
    ),
    ("R-03", "Of any number of concurrent writes with the same expectation exactly one commits."),
    (
        "R-03.1 +processes",
        "Of concurrent writes with the same expectation from several processes exactly one commits.",
    ),
    (
        "R-04",
        "Every write gives a new version, and a version never recurs for a key, across deletion, re-creation and reopening.",
    ),
    ("R-05", "A stale, foreign or malformed version is a refusal, never an exception, and changes nothing."),
    ("R-06", "A read that begins after an acknowledged write sees that write or a later one."),
    ("R-06.1 +reopen", "A read through another opening sees every write acknowledged before it began."),
    ("R-07", "A read's value, version, expiry and stamp are of one moment."),
    ("R-08", "A value of any bytes from 0 to 320 KiB comes back as it was written."),
    ("R-09", "A refusal carries the record that is stored, None if nothing is, or UNSEEN, and never writes."),
    ("R-10", "A touch moves the expiry and changes neither value nor version, and never creates a record."),
    (
        "R-11",
        "A touch whose seen version or expiry is no longer the stored one is refused and changes nothing.",
    ),
    (
        "R-12",
        "A delete that expects a version deletes exactly that version, is refused by another one, and answers ABSENT where nothing is stored.",
    ),
    ("R-13", "A delete that expects ANY deletes what is stored and says whether there was anything."),
    ("R-14", "A delete that expects a listed entry is refused if the record was touched or written since."),
    (
        "R-15",
        "The expiry comes back to the millisecond as written, none, past and far future included, and a driver does not judge it.",
    ),
    ("R-16", "A record that expired less than 24 h ago by core's clock is still returned."),
    (
        "R-17",
        "A listing shows every record present throughout at least once, only keys under its prefix, and ends.",
    ),
    ("R-18", "Keys that differ are different records, case and length included."),
    ("R-19 +durable", "An acknowledged write survives the engine being killed."),
    (
        "R-20 +processes",
        "A client killed at any moment leaves the old record or the new one, never a mixture.",
    ),
    ("R-21", "A call ends, with an answer or a fault, within its timeout and a little."),
    ("R-22", "A driver may be called from many threads at once."),
    ("R-23", "A call sends one request and never repeats it."),
    (
        "R-40",
        "The same calls of a record driver in the same order have the same answers as in memory, versions and stamps aside.",
    ),
)

_SESSIONS: Final = _section(
    Party.CORE,
    ("records",),
    ("S-01", "A created session has a random id of 256 bits, and loads with equal data of equal types."),
    ("S-02", "Loading an unknown, expired or malformed id answers None and creates nothing."),
    ("S-03", "A malformed id costs no request."),
    ("S-04", "No stored key or value contains a session's id."),
    (
        "S-05",
        "A save writes only what changed, and sends nothing if nothing changed within the touch interval.",
    ),
    ("S-06", "A change inside a nested value is noticed and saved."),
    ("S-07", "Saves of the same session that change different keys all survive, whatever their order."),
    ("S-08", "Where two saves change the same key the later one wins, and its event counts the conflict."),
    ("S-09", "After a save the session holds what was stored, other requests' changes included."),
    (
        "S-10",
        "A save that rejects conflicts raises ConflictError and writes nothing if another save came between.",
    ),
    ("S-11", "A save that overwrites stores all of its own data over whatever another save stored."),
    (
        "S-12",
        "A save, touch or update of a session that was destroyed, has expired or was rotated raises SessionGoneError and brings nothing back.",
    ),
    ("S-13", "update applies its function to fresh data until it is stored, so that no increment is lost."),
    ("S-14", "touch extends the expiry by the idle timeout, never shortens it, and changes no data."),
    ("S-15", "A touch within the touch interval sends nothing."),
    (
        "S-16",
        "A session is absent to every operation that begins at or after its expiry, to the millisecond.",
    ),
    ("S-17", "A session ends at its absolute lifetime however often it is saved or touched."),
    (
        "S-18",
        "rotate gives a new id with the same data and lifetime, and the old id is dead when it returns.",
    ),
    ("S-19", "An update made under the old id before a rotation takes effect is in the new session."),
    ("S-20", "destroy ends a session, says whether there was one, and is success for one that is gone."),
    ("S-21", "Destroying an id that was rotated ends the session it became."),
    ("S-22", "list shows each live session of an owner once, with its label, times and own handle, and never an id."),
    ("S-23", "revoke ends the one session that a handle names, also after it was rotated."),
    (
        "S-24",
        "When revoke_all returns, no session of the owner created before it began can be loaded, logins and rotations in progress included.",
    ),
    ("S-25", "revoke_all keeps the session it is told to keep, also while that session is rotated."),
    (
        "S-26",
        "create, and rotate that binds an owner, with a mark taken before a revoke_all is refused, and leaves nothing new that can be loaded.",
    ),
    (
        "S-27",
        "An owner with more sessions than allowed loses the oldest, and sessions that are gone do not count.",
    ),
    ("S-28", "Sessions of one namespace cannot be seen or changed from another."),
    ("S-29", "sweep deletes what expired more than an hour ago and nothing that was touched since."),
    (
        "S-30",
        "A record that cannot be read raises CorruptDataError, is never absence, and does not stop a listing or a sweep.",
    ),
    (
        "S-31",
        "A sealed session cannot be read without a key of the ring, and does not verify under another key.",
    ),
    ("S-32", "A key ring that gained a new first key still reads what older keys sealed."),
    (
        "S-33",
        "None, bool, int, float, str, bytes, list, dict, tuple, set, frozenset, datetime, date, time, timedelta, Decimal and UUID round-trip to equal values of the same type.",
    ),
    ("S-34", "Any other type is UnserialisableError with the path of the value, and nothing is sent."),
    (
        "S-35",
        "An encoded payload of 256 KiB is stored, and one byte more is LimitExceededError before anything is sent.",
    ),
    ("S-36", "A session behaves like a dict with str keys."),
    ("S-37 +reopen", "A session that was acknowledged loads through another opening."),
    (
        "S-60",
        "The same calls of a session store at the same times have the same answers and errors as in memory, ids aside.",
    ),
)

_OBJECTS: Final = _section(
    Party.CORE,
    ("objects",),
    (
        "O-01",
        "put takes bytes, a file, a path or an iterator of any length, and get returns the same bytes with their info from one version.",
    ),
    (
        "O-02",
        "Content type, cache control, content disposition and metadata of any Unicode text come back as they went in.",
    ),
    (
        "O-03",
        "put with if_absent stores only where nothing is stored, and raises ConflictError otherwise, at every size.",
    ),
    (
        "O-04",
        "put with if_match stores only over that version, and raises ConflictError otherwise, at every size.",
    ),
    ("O-05", "Of concurrent conditional puts with the same condition exactly one succeeds."),
    ("O-06", "An object's version changes whenever its content changes."),
    ("O-07", "get and stat of an absent key raise NotFoundError, and exists is False."),
    ("O-08", "A range is exactly the bytes asked for, cut at the end, and empty beyond it."),
    (
        "O-09",
        "A reader sees one version throughout; an overwrite in between is ConflictError, never a mixture.",
    ),
    ("O-10", "A put that fails, is left early or is killed leaves the old object or none."),
    ("O-11 +multipart", "A put that fails or is left early leaves no parts behind."),
    ("O-12", "delete says whether it deleted, and an absent key is success."),
    ("O-13", "delete with if_match deletes only that version, and raises ConflictError for another."),
    ("O-14", "delete_many deletes every key, and reports each."),
    (
        "O-15",
        "copy makes an equal object with its own write id and the source's metadata, under if_absent and if_match of the target.",
    ),
    ("O-16", "Copying an absent source raises NotFoundError and changes nothing."),
    ("O-17", "list yields each key under the prefix once, sorted by UTF-8 bytes, however many there are."),
    ("O-18", "list with a delimiter yields each folded prefix once, in its place."),
    ("O-19", "list with start_after yields only later keys."),
    ("O-20", "`a` and `a/b` exist side by side."),
    ("O-21", "An object's CRC32C is verified on the way up, and on the way down for full reads."),
    ("O-22 +multipart", "sweep aborts uploads that were begun long ago and never finished."),
    (
        "O-23",
        "Objects of one namespace cannot be seen or changed from another; without a namespace the store is seen as it is, foreign objects included.",
    ),
    ("O-24", "open for writing publishes at close, and nothing if its block is left by an exception."),
    ("O-25", "open for reading is a binary file: read, seek, tell and iteration give the object's bytes."),
    ("O-26", "Keys under statekit's reserved prefix are refused and never listed."),
    ("O-27 +reopen", "An object that was acknowledged is read through another opening."),
    (
        "O-48",
        "The same calls of an object store in the same order have the same answers and errors as in memory, versions and times aside.",
    ),
)

_PRESIGNED: Final = _section(
    Party.CORE,
    ("objects",),
    (
        "O-28",
        "Whoever holds a presigned GET downloads the object without credentials, under the name and as the type that were signed.",
    ),
    (
        "O-29",
        "A presigned PUT stores exactly as many bytes as were signed, as the type that was signed, with what was signed beside them, and anything else stores nothing.",
    ),
    ("O-30", "A presigned PUT with if_absent stores only where nothing is stored, also when it is sent again."),
    (
        "O-31",
        "A presigned form stores a file of at least and at most as many bytes as were signed under the key and as the type that were signed, and anything else stores nothing.",
    ),
    (
        "O-32",
        "A presigned form for a prefix stores only under it, by the name of the file without its folders, whatever that name is.",
    ),
    ("O-33", "A presigned request ends when it says, after 1 s to 7 days, and is refused from then on."),
    ("O-34", "What some engine would not enforce, or nothing here can sign, is UnsupportedError when it is signed."),
    (
        "O-35",
        "A presigned GET is a download for a browser, unless it was signed inline for a type that no browser runs.",
    ),
    (
        "O-36",
        "A presigned request that was changed in its key, method, expiry, signature or any condition is refused, and stores nothing.",
    ),
    ("O-42", "A presigned form with a field that was not signed stores nothing."),
)

_TICKETS: Final = _section(
    Party.CORE,
    ("objects", "records"),
    (
        "O-37",
        "confirm publishes what was uploaded for a ticket under its key, as the type and with the metadata that were reserved, and once, however often and by however many it is called.",
    ),
    ("O-38", "confirm of a ticket with if_absent raises ConflictError where something is stored, and changes nothing."),
    ("O-39", "confirm publishes no upload of another size, checksum or kind than was reserved."),
    (
        "O-40",
        "A ticket that is unknown, was abandoned, has expired or is another owner's is NotFoundError, and publishes nothing.",
    ),
    (
        "O-41",
        "sweep deletes what was uploaded and never confirmed once its ticket has ended, and nothing that may still be confirmed.",
    ),
)

_SIGNING_DRIVER: Final = _section(
    Party.DRIVER,
    ("objects", "signing"),
    ("O-74", "The engine enforces every member of a grant that was signed."),
    ("O-75", "What is signed says when it really ends, and does not end sooner."),
)

_OBJECT_DRIVER: Final = _section(
    Party.DRIVER,
    ("objects",),
    ("O-51", "stat and read see every write acknowledged before they began."),
    ("O-52", "A read's bytes, version, size and metadata are of one version."),
    ("O-53", "A read that expects a version is refused by another one."),
    ("O-54", "A read that starts at or beyond the end gives no bytes and the Stat."),
    (
        "O-55",
        "A write under an expectation commits exactly if it holds, and of concurrent ones with the same expectation one commits.",
    ),
    (
        "O-55.1 +processes",
        "Of concurrent writes with the same expectation from several processes exactly one commits.",
    ),
    ("O-56 +processes", "A client killed at any moment leaves the old object or the new one, whole."),
    ("O-57", "Bytes that do not match the given CRC32C are never stored as an object."),
    ("O-58", "Metadata, write id and what was replaced come back as they were written."),
    (
        "O-59",
        "copy stores the pinned version's bytes with the given metadata, and answers None if the source is gone or another version.",
    ),
    ("O-60", "copy under an expectation for the target commits exactly if it holds."),
    (
        "O-61",
        "delete with a version deletes exactly that version and is refused by another; an absent object is no fault.",
    ),
    (
        "O-62",
        "All pages of a listing together hold each key present throughout exactly once, in UTF-8 byte order.",
    ),
    ("O-63", "Keys with the delimiter after the prefix are folded, each folded prefix once."),
    ("O-64", "A listing with start_after holds only later keys."),
    ("O-65 +multipart", "Begun uploads and their parts are not visible as objects."),
    (
        "O-66 +multipart",
        "finish makes one object of the parts by number, under its expectation, with the upload's metadata.",
    ),
    ("O-67 +multipart", "abort forgets the parts, and an upload that is not there is success."),
    ("O-68 +multipart", "uploads lists what was begun and neither finished nor aborted."),
    ("O-69 +durable", "An acknowledged object survives the engine being killed."),
    ("O-70", "A stale, foreign or malformed version is a refusal, never an exception, and changes nothing."),
    ("O-71", "An object of 0 bytes, and one of 8 MiB in a single write, come back as they were written."),
    ("O-72", "A call never repeats a request."),
    (
        "O-90",
        "The same calls of an object driver in the same order have the same answers as in memory, versions and times aside.",
    ),
)

_SCRATCH: Final = _section(
    Party.CORE,
    (),
    (
        "X-01",
        "A workspace is a private directory inside the configured root, empty at first, and gone when its block is left, however that is.",
    ),
    (
        "X-02",
        "What a killed process left of its workspaces on a host is removed by the next one, and nothing of a living process's is.",
    ),
    ("X-03", "A forked child neither uses nor removes its parent's workspace, nor keeps it from being removed."),
    (
        "X-04",
        "Names of files follow the grammar of keys, and links, devices and `..` are refused on the way in and out.",
    ),
    (
        "X-05",
        "More bytes or files than the quota, or than the disk has room for, are QuotaExceededError at write, fetch, opening and checkpoint, and nothing of them is stored.",
    ),
    (
        "X-06 +records +objects",
        "One at most holds a named workspace; others get WorkspaceBusyError at once, or at the end of the time they wait.",
    ),
    (
        "X-06.1 +records +objects +processes",
        "Of several processes that open one workspace at once exactly one holds it.",
    ),
    (
        "X-07 +records +objects",
        "Each holder's fencing token is larger than those of all holders of the name before it, also after the workspace has expired and was swept.",
    ),
    (
        "X-08 +records +objects",
        "A checkpoint publishes all files of the workspace or none, and the next holder gets exactly the last one.",
    ),
    (
        "X-09 +records +objects",
        "A checkpoint sends what the one before does not name and nothing else; an unchanged one is one conditional write.",
    ),
    ("X-10 +records +objects", "A lease that has lapsed and was not taken is renewed, and its holder goes on."),
    (
        "X-11 +records +objects",
        "A holder whose lease was taken over gets LeaseLostError at renew, checkpoint and publish, and changes nothing in the workspace.",
    ),
    (
        "X-11.1 +records +objects +processes",
        "A process that was paused beyond its lease and whose workspace another one took over gets LeaseLostError.",
    ),
    (
        "X-12 +records +objects",
        "A lease that nobody renews lapses, and the next one takes over with the last checkpoint.",
    ),
    ("X-13 +records +objects", "Leaving the block frees the name at once, and keeps the last checkpoint."),
    (
        "X-14 +records +objects",
        "A workspace is gone to everyone at its expiry: it opens empty, and an old holder gets LeaseLostError.",
    ),
    (
        "X-15 +records +objects",
        "Files come back verified, when the workspace is opened or when restore names them, and what was not fetched stays in the next checkpoint.",
    ),
    (
        "X-16 +objects",
        "fetch and publish move files to and from an object store, verified, whole or not at all, and publish under if_absent and if_match.",
    ),
    ("X-17 +objects", "A transfer tells how many bytes are done, never fewer than before, and at the end all of them."),
    (
        "X-18 +records +objects",
        "sweep deletes expired workspaces and files that no checkpoint names, and nothing that a live checkpoint names.",
    ),
    ("X-19 +records +objects", "sweep spares what the current holder has stored for its next checkpoint."),
    (
        "X-20 +records +objects",
        "A workspace's record, manifest or file that is damaged or missing is CorruptDataError, never absence, and does not stop a sweep.",
    ),
    (
        "X-21 +records +objects",
        "Workspaces of one namespace cannot be opened or changed from another, and their files are no objects of the object store's.",
    ),
    (
        "X-22 +records +objects +processes",
        "A holder that is killed at any moment leaves the last checkpoint or the new one, whole.",
    ),
    ("X-23 +records +objects", "The lease is renewed in the background as long as the block is not left."),
)

_KEYS: Final = _section(
    Party.CORE,
    (),
    (
        "K-01 +objects",
        "A key of 1 to 900 bytes of UTF-8 in segments of 1 to 255 bytes between single slashes is accepted and comes back unchanged in listings.",
    ),
    (
        "K-02 +objects",
        "A key that is empty, too long, starts or ends with a slash, or has an empty, `.`, `..` or too long segment, a control character or a backslash is InvalidKeyError, and nothing is sent.",
    ),
    (
        "K-03 +objects",
        "Keys that differ in case, in Unicode normal form or in a trailing character are different objects.",
    ),
    (
        "K-04 +objects",
        "A listing prefix may end anywhere; one that no key can begin with is InvalidKeyError.",
    ),
    (
        "K-05 +objects",
        "Metadata of 1 KiB in 24 entries is stored, and more is LimitExceededError before anything is sent.",
    ),
    (
        "K-06 +objects",
        "A header value that is not printable ASCII or is longer than 255 bytes is refused before anything is sent.",
    ),
    (
        "K-07 +records",
        "An owner of 1 to 256 bytes and a label of up to 200 bytes are accepted, and others are refused before anything is sent.",
    ),
    ("K-08", "A namespace outside its grammar is ConfigError."),
)
_KEY_DRIVER: Final = _section(
    Party.DRIVER,
    (),
    ("K-09 +records", "A record of 320 KiB is stored."),
    ("K-10 +records", "Record keys of up to 200 characters of a-z A-Z 0-9 . _ - / are distinct."),
    ("K-11 +objects", "Object keys of 1,000 bytes of UTF-8 are stored and distinct."),
)

_ERRORS: Final = _section(
    Party.CORE,
    (),
    ("E-02", "Every error names operation, store and backend, and pickles with them."),
    (
        "E-03",
        "No message, event or repr of statekit's contains a value, a session id, an owner, a key in clear, or a credential.",
    ),
    ("E-04", "A fault of the engine is a BackendError, never absence."),
    ("E-05", "A write whose reply was lost is never reported as a conflict with itself."),
    (
        "E-06",
        "A write that cannot be settled raises IndeterminateError; any other BackendError means that it was not applied.",
    ),
    ("E-07", "An operation ends within its timeout, and retries inside it."),
    ("E-08", "Every operation emits exactly one event."),
    ("E-09", "close may be called twice, and everything afterwards raises ClosedError."),
    ("E-10", "A client handed in is used as it is and never closed."),
    ("E-11", "A forked child uses its own connections, and its parent's keep working."),
    ("E-12", "A state refuses to be pickled and says what to do instead."),
    ("E-13", "Stores may be used from many threads at once."),
    ("E-14", "The asynchronous stores behave as the synchronous ones."),
)
_ERROR_DRIVER: Final = _section(
    Party.DRIVER,
    (),
    ("E-01", "fault is pure and total: every exception gets a Failure, and what no table names is UNKNOWN."),
)

_PLUGINS: Final = _section(
    Party.CORE,
    (),
    ("P-01", "Opening does no I/O; what cannot be reached is found at the first call or by check."),
    ("P-02", "An unknown option or key is ConfigError that names the nearest known one."),
    ("P-03", "An option of the wrong type is ConfigError."),
    ("P-04", "A secret in a URL is refused and never repeated."),
    ("P-05", "An unknown scheme is ConfigError that lists the known ones and how to install the rest."),
    ("P-06", "Only the configured plugin is imported."),
    ("P-07", "Two plugins with one scheme are ConfigError that names both distributions."),
    ("P-08", "A plugin for another contract version, and one that fails to import, are ConfigError."),
    ("P-09", "A store that the backend does not offer is UnsupportedError when it is used."),
    ("P-10", "On a platform whose disk does not last the embedded default is ConfigError."),
    ("P-11", "check makes a round trip and raises what is wrong."),
)
_PLUGIN_DRIVER: Final = _section(
    Party.DRIVER,
    (),
    ("P-50", "A backend's declaration is complete, and registering it imports no SDK."),
    ("P-51", "open and aopen do no I/O and return what the declaration promises."),
    ("P-52", "close may follow any use, and another opening works afterwards."),
    ("P-53", "Every option has an effect or is refused."),
)

CLAUSES: Final[tuple[Clause, ...]] = (
    *_RECORDS,
    *_SESSIONS,
    *_OBJECTS,
    *_PRESIGNED,
    *_TICKETS,
    *_OBJECT_DRIVER,
    *_SCRATCH,
    *_SIGNING_DRIVER,
    *_KEYS,
    *_KEY_DRIVER,
    *_ERROR_DRIVER,
    *_ERRORS,
    *_PLUGINS,
    *_PLUGIN_DRIVER,
)
"""Every clause, in the order of CONTRACT.md."""

_BY_ID: Final = {entry.id: entry for entry in CLAUSES}

_TITLES: Final = {
    "R": "Records",
    "S": "Sessions",
    "O": "Objects",
    "X": "Scratch spaces",
    "K": "Keys and limits",
    "E": "Errors, time and life cycle",
    "P": "Plugins and configuration",
}


def clause(name: str) -> Clause:
    """Return the clause with this id.

    Raises:
        KeyError: There is none.
    """
    return _BY_ID[name]


def render() -> str:
    """Return CONTRACT.md."""
    lines = [
        "# The contract",
        "",
        "Generated from `statekit/contract.py` by `python -m statekit clauses --markdown`; do not edit.",
        "",
        "Each clause is one testable sentence. *core* clauses are what statekit owes to an application on every backend;",
        "*driver* clauses are what the author of a backend owes to statekit. The conformance suite has a verdict for each.",
    ]
    for letter, title in _TITLES.items():
        chosen = [entry for entry in CLAUSES if entry.id.startswith(f"{letter}-")]
        if not chosen:
            continue
        lines += ["", f"## {title}", "", "| id | party | needs | clause |", "|---|---|---|---|"]
        lines += [f"| {entry.id} | {entry.party.value} | {', '.join(entry.needs)} | {entry.text} |" for entry in chosen]
    return "\n".join(lines) + "\n"
