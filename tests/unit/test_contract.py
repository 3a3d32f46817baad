"""The numbered clauses, as data."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import statekit
from statekit.contract import CLAUSES, Clause, Level, Party, clause, render

SOURCE = Path(statekit.__file__).parent
NEEDS = {"records", "objects", "multipart", "reopen", "processes", "durable", "signing", "scratch"}


@pytest.mark.parametrize("entry", CLAUSES, ids=lambda entry: entry.id)
class TestEvery:
    def test_clause_is_one_sentence(self, entry: Clause) -> None:
        assert entry.text.endswith(".")
        assert re.match(r"[A-Z`]|[a-z_]+[ ,]", entry.text)
        assert "\n" not in entry.text

    def test_clause_is_in_the_present_tense(self, entry: Clause) -> None:
        assert not re.search(r"\b(must|shall|will|should)\b", entry.text)

    def test_clause_needs_what_there_is(self, entry: Clause) -> None:
        assert set(entry.needs) <= NEEDS

    def test_clause_can_be_found(self, entry: Clause) -> None:
        assert clause(entry.id) is entry
        assert re.fullmatch(r"[RSOXKEP]-\d\d(\.\d)?", entry.id)

    def test_clause_says_how_binding_it_is_and_for_whom(self, entry: Clause) -> None:
        assert isinstance(entry.level, Level)
        assert isinstance(entry.party, Party)


def test_ids_are_not_used_twice() -> None:
    ids = [entry.id for entry in CLAUSES]
    assert len(set(ids)) == len(ids)


def test_an_id_that_is_none_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        clause("S-99")


def test_every_clause_that_the_source_cites_exists() -> None:
    known = {entry.id for entry in CLAUSES}
    cited = {
        (path.name, name)
        for path in SOURCE.rglob("*.py")
        for name in re.findall(r"\b([RSOXKEP]-\d\d)\b", path.read_text())
    }
    assert {(path, name) for path, name in cited if name not in known} == set()


def test_the_document_has_every_clause_once() -> None:
    document = render()
    for entry in CLAUSES:
        assert document.count(f"| {entry.id} |") == 1
        assert entry.text in document
