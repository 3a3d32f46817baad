"""Waivers: expected failures, strict and visible."""

from __future__ import annotations

import pytest

from statekit_conformance.waivers import Waiver, WaiverError, read_waivers

GOOD = '[[waiver]]\nclause = "R-01"\ntarget = "mine"\nreason = "because"\n'


def test_a_file_of_waivers_is_read(tmp_path):
    path = tmp_path / "waivers.toml"
    path.write_text(GOOD + GOOD.replace("mine", "*").replace("R-01", "O-55"))
    assert read_waivers(path) == (Waiver("R-01", "mine", "because"), Waiver("O-55", "*", "because"))


def test_an_empty_file_waives_nothing(tmp_path):
    path = tmp_path / "waivers.toml"
    path.write_text("")
    assert read_waivers(path) == ()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[[waiver]\n", "cannot be read"),
        ("waiver = 3\n", "something else"),
        ("[waiver]\nclause = 'R-01'\n", "something else"),
        (GOOD + "[other]\n", "something else"),
        (GOOD.replace("reason", "because"), "clause, target and reason"),
        (GOOD.replace('"because"', '""'), "clause, target and reason"),
        (GOOD.replace('"because"', "5"), "clause, target and reason"),
        (GOOD.replace("R-01", "R-99"), "R-99"),
    ],
)
def test_anything_else_is_refused_in_one_line(tmp_path, text, words):
    path = tmp_path / "waivers.toml"
    path.write_text(text)
    with pytest.raises(WaiverError) as caught:
        read_waivers(path)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(WaiverError, match="cannot be read"):
        read_waivers(tmp_path / "none.toml")


def test_a_waiver_covers_its_clause_on_its_target_or_on_all():
    assert Waiver("R-01", "a", "r").covers("R-01", "a")
    assert not Waiver("R-01", "a", "r").covers("R-01", "b")
    assert not Waiver("R-01", "a", "r").covers("R-02", "a")
    assert Waiver("R-01", "*", "r").covers("R-01", "b")
