"""A counter-example is a program: pasted, it is answered as it was where it was found, and as in memory there."""

from __future__ import annotations

import ast
import secrets
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase

from statekit.backends.local.objects import LocalObjects
from statekit.backends.local.records import LocalRecords
from statekit.backends.local.uploads import LocalUploads
from statekit.driver import Committed, Gone
from statekit.testing import FakeClock
from statekit_conformance.agreement import budget, object_driver, objects, records, sessions
from statekit_conformance.agreement.lockstep import Disagreement, Side
from statekit_conformance.subject import Subject


def on_records(subject: Subject, number: int) -> Any:
    return records.RecordPrograms(subject, subject.records(), number)


def on_objects(subject: Subject, number: int) -> Any:
    return object_driver.ObjectDriverPrograms(subject, subject.objects_driver(), number)


def deletes_whatever_is_there(driver: Any, key: str, /, *, expect: Any, timeout: float) -> Gone:
    return Gone.DELETED


def fails_in_its_own_words(driver: Any, *_: Any, **__: Any) -> Committed:
    raise OSError("the disk is full")


DEFECTS = [
    (on_records, records.told, LocalRecords, "delete", deletes_whatever_is_there),
    (on_records, records.told, LocalRecords, "touch", fails_in_its_own_words),
    (on_objects, object_driver.deleted, LocalObjects, "delete", deletes_whatever_is_there),
    (on_objects, object_driver.told, LocalUploads, "finish", fails_in_its_own_words),
    (on_objects, object_driver.told, LocalObjects, "copy", fails_in_its_own_words),
    (sessions.SessionPrograms, sessions.told, LocalRecords, "delete", deletes_whatever_is_there),
    (sessions.SessionPrograms, sessions.told, LocalRecords, "delete", fails_in_its_own_words),
    (objects.ObjectPrograms, objects.told, LocalObjects, "delete", deletes_whatever_is_there),
    (objects.ObjectPrograms, objects.told, LocalObjects, "copy", fails_in_its_own_words),
]


@pytest.fixture(params=["sync", "async"])
def subject(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Subject]:
    """The local backend in one colour."""
    made = Subject.at(f"local:{tmp_path}/found", request.param)
    yield made
    made.close()
    made.site.loop.close()


@pytest.mark.parametrize(("machine", "told", "driver", "method", "defect"), DEFECTS)
def test_a_counter_example_can_be_pasted(machine, told, driver, method, defect, subject, tmp_path, monkeypatch):
    monkeypatch.setattr(budget, "PHASES", (Phase.generate,))  # a program as it is found has more in it
    numbers = count()
    with monkeypatch.context() as broken:
        broken.setattr(driver, method, defect)
        with pytest.raises(Disagreement) as found:
            budget.agreement_of(lambda: machine(subject, next(numbers)), subject, 1)
        assert found.value.program in str(found.value)
        assert pasted(found.value.program, f"local:{tmp_path}/pasted", told) == found.value.told
    assert pasted(found.value.program, f"memory:{secrets.token_hex(8)}", told) == found.value.expected


def pasted(program: str, url: str, told: Callable[[Side, Any], Any]) -> str:
    """Run a program in which nothing is known but the URL, and tell what its last line answers."""
    side, said = Side(FakeClock()), ""
    side.known["url"] = url
    for statement in ast.parse(program).body:
        try:
            said = told(side, answer_to(statement, side))
        except Exception as error:
            said = f"raises {type(error).__name__}"
    return str(said)


def answer_to(statement: ast.stmt, side: Side) -> Any:
    """Run one statement, and return what it assigns or comes to."""
    if isinstance(statement, ast.Expr):
        return side.value(ast.unparse(statement))
    side.execute(ast.unparse(statement))
    return side.value(ast.unparse(statement.targets[0])) if isinstance(statement, ast.Assign) else None
