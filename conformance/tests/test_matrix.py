"""The matrix: what reports come to, as a table in Markdown."""

from __future__ import annotations

import json

import pytest

from statekit_conformance.__main__ import main
from statekit_conformance.matrix import UnfitReportError, render


def document(target="one", partial=False, reason=None, engine="valkey", **statuses):
    facts = {"engine": engine, "version": "9.1", "durability": None, "certified": {}, "reason": reason}
    results = [
        {"clause": clause.replace("_", "-"), "target": target, "status": status} for clause, status in statuses.items()
    ]
    return {"schema": 1, "targets": {target: facts}, "results": results, "summary": {"partial": partial}}


def test_a_target_is_a_row_and_a_section_a_column():
    head, _, row, _, caption = render([document(R_01="pass", R_02="pass", S_01="pass")]).splitlines()
    assert head.startswith("| target | records | sessions |")
    assert row == "| `one` (valkey 9.1) | 2 | 1 | 0 / 0 / 0 | 0 / 0 / 0 | 0 / 0 / 0 | 0 / 0 / 0 | 0 / 0 / 0 | 3 |"
    assert "passed / engine fault / not claimed" in caption


def test_what_did_not_pass_is_counted_and_never_left_out():
    statuses = {"O_01": "pass", "O_02": "engine-fault", "O_03": "not-claimed", "O_04": "fail", "O_05": "skipped"}
    row = render([document(**statuses)]).splitlines()[2]
    assert row.split(" | ")[3] == "1 / 1 / 1, 1 fail, 1 skipped"
    assert row.endswith("| 1 / 1 / 1, 1 fail, 1 skipped |")


def test_reports_of_several_targets_make_one_table():
    lines = render([document("one", engine="embedded", R_01="pass"), document("two", R_01="fail")]).splitlines()
    assert [line.partition(" | ")[0] for line in lines[2:4]] == ["| `one`", "| `two` (valkey 9.1)"]


@pytest.mark.parametrize(
    ("documents", "why"),
    [
        ([document(partial=True)], "deselected"),
        ([document(reason="no server")], "no server"),
        ([document(), document()], "same target: one"),
        ([{"schema": 2}], "schema 1"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_whole_report_makes_no_table(documents, why):
    with pytest.raises(UnfitReportError, match=why):
        render(documents)


def test_the_command_prints_it_or_says_why_not(tmp_path, capsys):
    whole, part = tmp_path / "whole.json", tmp_path / "part.json"
    whole.write_text(json.dumps(document(R_01="pass")))
    part.write_text(json.dumps(document(partial=True)))
    assert main(["matrix", str(whole)]) == 0
    assert capsys.readouterr().out == render([document(R_01="pass")]) + "\n"
    for unfit in (part, tmp_path / "absent.json", tmp_path):
        assert main(["matrix", str(unfit)]) == 2
        assert capsys.readouterr().err.startswith("statekit_conformance: ")
