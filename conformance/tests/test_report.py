"""The report: verdicts from outcomes, as JSON and as a table."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from statekit.contract import CLAUSES
from statekit_conformance.report import Report
from statekit_conformance.table import lines_of
from statekit_conformance.targets import Target
from statekit_conformance.waivers import Waiver

STATUSES = {"pass", "fail", "engine-fault", "waived", "not-claimed", "skipped"}


@pytest.fixture
def report():
    waivers = (Waiver("R-03", "one", "known"), Waiver("R-04", "one", "mended"))
    return Report(
        [Target(name="one", url="memory:a"), Target(name="two", url="memory:b")], {"three": "no server"}, waivers
    )


def came_to(report, outcome, *clauses, target="one", when="call", text="", **facts):
    """Add one phase of a case."""
    longrepr = ("file", 1, f"Skipped: {text}") if outcome == "skipped" else text
    found = {"clauses": list(clauses), "target": target, **{k: v for k, v in facts.items() if k == "obstacles"}}
    phase = SimpleNamespace(
        user_properties=[("statekit", found)],
        duration=0.25,
        nodeid="a/test_b.py::test_c[one-sync]",
        when=when,
        longrepr=longrepr,
        passed=outcome == "passed",
        failed=outcome == "failed",
        skipped=outcome == "skipped",
    )
    if "wasxfail" in facts:
        phase.wasxfail = facts["wasxfail"]
    report.add(phase)


def verdict(report, clause, target="one"):
    (found,) = (result for result in report.results() if (result.clause, result.target) == (clause, target))
    return found


def test_each_clause_has_one_verdict_on_each_target(report):
    found = [(result.clause, result.target) for result in report.results()]
    assert len(found) == len(set(found)) == 3 * len(CLAUSES)


def test_a_case_that_passes_is_evidence_for_all_its_clauses(report):
    came_to(report, "passed", "R-01", "R-02", when="setup")
    came_to(report, "passed", "R-01", "R-02")
    assert verdict(report, "R-01").status == verdict(report, "R-02").status == "pass"
    assert verdict(report, "R-01").seconds == 0.5
    assert verdict(report, "R-01", "two").status == "skipped"


def test_one_failure_among_many_passes_is_a_failure(report):
    came_to(report, "passed", "R-01")
    came_to(report, "failed", "R-01", text="AssertionError: assert 1 == 2\nmore")
    came_to(report, "passed", "R-01")
    assert verdict(report, "R-01").status == "fail"
    assert verdict(report, "R-01").reason == "test_c[one-sync]: AssertionError: assert 1 == 2"


def test_a_failure_in_what_comes_before_or_after_is_a_failure(report):
    came_to(report, "failed", "R-01", when="setup", text="no")
    came_to(report, "passed", "R-02")
    came_to(report, "failed", "R-02", when="teardown", text="no")
    assert verdict(report, "R-01").status == verdict(report, "R-02").status == "fail"


def test_what_was_not_claimed_does_not_hide_what_passed(report):
    came_to(report, "skipped", "R-04", when="setup", obstacles={"R-04": ["not-claimed", "needs processes"]})
    assert verdict(report, "R-04").status == "not-claimed"
    came_to(report, "passed", "R-04")
    assert verdict(report, "R-04").status == "pass"


def test_an_engines_fault_shows_beside_what_passed(report):
    came_to(report, "passed", "R-01")
    came_to(report, "skipped", "R-01", "R-02", when="setup", obstacles={"R-01": ["engine-fault", "two winners"]})
    assert (verdict(report, "R-01").status, verdict(report, "R-01").reason) == ("engine-fault", "two winners")
    assert verdict(report, "R-02").status == "skipped"


def test_a_waived_failure_is_waived_for_its_clause_only(report):
    came_to(report, "skipped", "R-03", "R-05", wasxfail="waived: known")
    assert (verdict(report, "R-03").status, verdict(report, "R-03").reason) == ("waived", "known")
    assert verdict(report, "R-05").status == "skipped"


def test_a_waived_clause_that_passes_is_a_problem_unless_cases_were_left_out(report):
    came_to(report, "skipped", "R-03", wasxfail="waived: known")
    came_to(report, "passed", "R-04")
    assert report.problems() == ["R-04 on one is waived and passes: remove the waiver"]
    report.note_deselected()
    assert report.problems() == []


def test_a_run_in_which_no_target_was_judged_is_a_problem(report):
    report.note_failure("one", "the port is occupied", fatal=False)
    came_to(report, "skipped", "R-01", when="setup", text="cannot start")
    assert report.problems() == ["the target one was not judged: the port is occupied"]


def test_a_target_that_had_to_be_judged_and_was_not_is_a_problem(report):
    came_to(report, "passed", "R-01", target="two")
    report.note_failure("one", "no answer", fatal=False)
    assert report.problems() == []
    report.note_failure("one", "no answer", fatal=True)
    assert report.problems() == ["the target one was not judged: no answer"]


def test_a_case_without_a_target_counts_for_all(report):
    came_to(report, "passed", "P-05", target=None)
    assert verdict(report, "P-05").status == verdict(report, "P-05", "two").status == "pass"
    assert verdict(report, "P-05", "three").status == "skipped"


def test_reports_of_other_tests_are_none_of_ours(report):
    report.add(SimpleNamespace(user_properties=[("theirs", 1)]))
    assert {result.status for result in report.results()} == {"skipped"}


def test_the_document_is_as_it_is_described(report, tmp_path):
    came_to(report, "passed", "R-01")
    report.merge({"targets": {"one": {"engine": "e", "version": "1", "durability": "server", "certified": {"x": {}}}}})
    report.write(tmp_path / "report.json")
    document = json.loads((tmp_path / "report.json").read_text())
    assert set(document) == {"schema", "targets", "clauses", "results", "histories", "summary"}
    assert document["schema"] == 1
    assert document["histories"] == []
    assert document["targets"]["one"]["engine"] == "e"
    assert document["targets"]["three"] == {
        "engine": None,
        "version": None,
        "durability": None,
        "certified": {},
        "reason": "no server",
    }
    assert document["clauses"]["R-01"] == {
        "text": CLAUSES[0].text,
        "level": "must",
        "party": "driver",
        "cases": ["a/test_b.py::test_c"],
    }
    for result in document["results"]:
        assert set(result) == {"clause", "target", "status", "reason", "seconds", "cases"}
        assert result["status"] in STATUSES
    summary = document["summary"]
    assert {key: summary[key] for key in STATUSES} == {
        key: summary["targets"]["one"][key] + summary["targets"]["two"][key] + summary["targets"]["three"][key]
        for key in STATUSES
    }
    assert sum(summary[key] for key in STATUSES) == len(document["results"])


def test_the_table_has_a_row_for_each_letter_and_names_what_did_not_pass(report):
    came_to(report, "passed", "R-01")
    came_to(report, "failed", "R-02", text="no")
    came_to(report, "skipped", "R-19", when="setup", obstacles={"R-19": ["not-claimed", "needs durable"]})
    lines = list(lines_of(report.results()))
    header, records, *_ = lines
    assert header.split() == ["one", "two"]
    total = sum(entry.id.startswith("R-") for entry in CLAUSES)
    assert records.split() == ["R", "records", f"1/{total - 1}", f"0/{total}"]
    assert "FAIL  one  R-02  test_c[one-sync]: no" in lines
    assert "not claimed  one  R-19  needs durable" in lines
    assert not any("three" in line for line in lines)
