"""The report as a page: whole, escaped, complete, and in need of nothing else."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from html.parser import HTMLParser

import pytest

from statekit.contract import CLAUSES
from statekit_conformance.page import render
from statekit_conformance.report import Report
from statekit_conformance.targets import Target

NOW = datetime(2026, 11, 25, 16, 0, tzinfo=UTC)
NASTY = "<script>alert('x')</script> & \"quoted\""


class Parsed(HTMLParser):
    """A page, taken apart; it refuses elements that are not closed in order."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.elements, self.texts, self.cells = [], [], [], {}
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in {"meta", "input", "wbr"}:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)

    @property
    def text(self):
        return "".join(self.texts)

    def values(self, attribute):
        return [attributes[attribute] for _, attributes in self.elements if attribute in attributes]

    def count(self, tag):
        return sum(found == tag for found, _ in self.elements)


@pytest.fixture
def document():
    targets = [Target(name="one@engine", url="memory:a"), Target(name=f"two{NASTY}", url="memory:b")]
    document = Report(targets, {"three": f"no server {NASTY}"}, ()).document()
    facts = {"engine": "engine", "version": "1.2", "durability": "server"}
    holds = {"records.cas": {"holds": True, "evidence": "16 of 16"}, "durable": {"holds": False, "evidence": NASTY}}
    document["targets"]["one@engine"] |= facts | {"certified": holds}
    document["targets"][f"two{NASTY}"] |= facts | {"durability": "nothing"}
    document["results"][0] |= {"status": "fail", "reason": NASTY, "cases": 3}
    document["clauses"]["R-01"]["cases"] = ["records/test_races.py::test_of_many_exactly_one_commits"]
    document["summary"] |= {"fail": 1, "problems": [NASTY]}
    document["histories"] = [
        {"target": "one@engine", "workload": NASTY, "operations": 1234, "verdict": "ok", "seconds": 1.5, "seed": 7}
    ]
    return document


@pytest.fixture
def source(document):
    return render(document, made_at=NOW)


@pytest.fixture
def page(source):
    return Parsed(source)


def test_every_clause_is_there_once_with_its_text_and_its_evidence(page):
    ids = page.values("id")
    assert len(ids) == len(set(ids))
    assert {clause.id for clause in CLAUSES} <= set(ids)
    assert set(page.values("aria-controls")) == {f"of-{clause.id}" for clause in CLAUSES} <= set(ids)
    assert all(clause.text in page.text for clause in CLAUSES)


def test_each_clause_has_a_verdict_in_words_for_each_target_that_was_judged(page, source):
    words = sum(attributes.get("class") == "words" for tag, attributes in page.elements)
    assert words == 2 * len(CLAUSES) + 2, "one for each verdict, and one for each of the two certified capabilities"
    assert source.count("<tr class=") == 2 * len(CLAUSES) + len({clause.id[0] for clause in CLAUSES})


def test_nothing_that_a_report_says_becomes_markup(page, source):
    assert page.count("script") == 1
    assert "alert('x')</script>" not in source
    assert page.text.count(NASTY) >= 5
    assert any(NASTY in title for title in page.values("title"))


def test_it_needs_nothing_else(page, source):
    assert page.count("link") == page.count("img") == 0
    assert page.values("src") == page.values("href") == []
    assert not re.search(r"https?://|url\(|@import", source)


def test_it_is_for_light_and_dark_for_print_and_for_those_who_do_not_see_it(page, source):
    assert "prefers-color-scheme: dark" in source
    assert "@media print" in source
    assert ("html", {"lang": "en"}) in page.elements
    assert page.count("h1") == page.count("main") == page.count("title") == 1
    assert set(page.values("scope")) == {"col", "row", "rowgroup"}


def test_it_says_what_was_judged_and_why_not(page):
    assert "Not judged: no server" in page.text
    assert "1,234" in page.text
    assert "Of many exactly one commits" in page.text
    assert "An acknowledged write survives: its client and its server." in page.text
    assert "1 of 2 capabilities" in page.text
    assert "25 November 2026, 16:00 UTC" in page.text


def test_what_makes_the_run_a_failure_is_at_the_top(source):
    assert source.index("What makes this run a failure") < source.index("Clauses by targets")
