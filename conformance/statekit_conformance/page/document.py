"""The page: its head, its order, and what each part of the report looks like in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from importlib.resources import files
from typing import Any, Final

from statekit_conformance.table import TITLES
from statekit_conformance.verdicts import STATUSES

from .markup import Markup, element

__all__ = ["render"]

MARKS: Final = {
    "pass": "✓",
    "fail": "✕",
    "engine-fault": "⚙",
    "waived": "≈",
    "skipped": "·",
    "not-claimed": "-",
}
MEANINGS: Final = {
    "pass": "every case that could be asked passed",
    "fail": "a case failed",
    "engine-fault": "the engine was certified not to have what the clause takes",
    "waived": "a case failed, and a waiver says so",
    "skipped": "not asked here",
    "not-claimed": "the backend does not offer what the clause is about",
}
WORDS: Final = {status: status.replace("-", " ") for status in STATUSES}


def render(document: Mapping[str, Any], *, made_at: datetime) -> str:
    """Return a report, as its JSON document has it, as a page in HTML.

    Args:
        document: What ``Report.document`` returns.
        made_at: For the page's head.
    """
    targets = [name for name, facts in document["targets"].items() if facts["reason"] is None]
    body = [
        _head(document, made_at),
        element("main", _problems(document), _matrix(document, targets), _targets(document), _histories(document)),
        element(
            "footer",
            "Made by statekit-conformance. A clause is one sentence of the contract; it has one verdict ",
            "on each target, and every verdict comes from cases that ran.",
        ),
        element("script", Markup(_own("script.js"))),
    ]
    head = element(
        "head",
        Markup('<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'),
        Markup('<meta name="color-scheme" content="light dark">'),
        element("title", "statekit: conformance"),
        element("style", Markup(_own("style.css"))),
    )
    return f"<!doctype html>\n{element('html', head, element('body', *body), lang='en')}\n"


def _own(name: str) -> str:
    return files(__package__).joinpath(name).read_text("utf-8")


# The head


def _head(document: Mapping[str, Any], made_at: datetime) -> Markup:
    summary = document["summary"]
    judged = [name for name, facts in document["targets"].items() if facts["reason"] is None]
    asked = sum(summary[status] for status in STATUSES) - summary["not-claimed"] - summary["skipped"]
    verdict = "fail" if summary["fail"] or summary["problems"] else "pass"
    claim = f"{summary['pass']:,} of {asked:,} verdicts pass"
    operations = sum(history["operations"] for history in document["histories"])
    figures = [
        (f"{len(document['clauses'])}", "clauses"),
        (f"{len(judged)}", "target" if len(judged) == 1 else "targets"),
        *((f"{summary[status]:,}", WORDS[status]) for status in MARKS),
        (f"{operations:,}", "operations in races"),
    ]
    return element(
        "header",
        element("p", "statekit · conformance", class_="kicker"),
        element("h1", element("span", MARKS[verdict], class_=f"mark {verdict}", aria_hidden="true"), " ", claim),
        element(
            "p",
            "One contract, clause by clause, on real engines. ",
            "This run is partial: cases were deselected. " if summary["partial"] else "",
            element("time", f"{made_at:%d %B %Y, %H:%M} UTC", datetime=made_at.isoformat(timespec="seconds")),
        ),
        element(
            "dl",
            *(element("div", element("dt", word), element("dd", figure)) for figure, word in figures),
            class_="figures",
        ),
    )


def _problems(document: Mapping[str, Any]) -> Markup:
    problems = document["summary"]["problems"]
    if not problems:
        return Markup()
    return element(
        "section",
        element("h2", "What makes this run a failure"),
        element("ul", *(element("li", problem) for problem in problems)),
        class_="problems",
    )


# The matrix


def _matrix(document: Mapping[str, Any], targets: Sequence[str]) -> Markup:
    results = {(result["clause"], result["target"]): result for result in document["results"]}
    head = element(
        "tr",
        element("th", "Clause", scope="col"),
        *(element("th", element("span", *_breakable(name)), scope="col", class_="target") for name in targets),
    )
    groups = [_group(document, letter, title, targets, results) for letter, title in TITLES.items()]
    table = element("table", element("thead", head), *groups, class_="matrix", style=f"--targets: {len(targets)}")
    return element(
        "section",
        element("h2", "Clauses by targets"),
        element("div", _legend(), _controls(), class_="tools"),
        element("div", table, class_="scroll", tabindex="0", role="region", aria_label="Clauses by targets"),
    )


def _breakable(name: str) -> Iterable[str]:
    """Let a target's name break before its engine's."""
    backend, at, engine = name.partition("@")
    return (backend, element("wbr"), at + engine) if at else (name,)


def _legend() -> Markup:
    items = (
        element("li", _mark(status), " ", element("span", WORDS[status], title=MEANINGS[status])) for status in MARKS
    )
    return element("ul", *items, class_="legend")


def _controls() -> Markup:
    box = element("label", Markup('<input type="checkbox" id="only-open"> '), "only what does not pass everywhere")
    button = element("button", "open all", type="button", id="open-all")
    return element("p", box, " ", button, class_="controls", hidden=True)


def _mark(status: str) -> Markup:
    return element("span", MARKS[status], class_=f"mark {status}", aria_hidden="true")


def _group(
    document: Mapping[str, Any],
    letter: str,
    title: str,
    targets: Sequence[str],
    results: Mapping[tuple[str, str], Mapping[str, Any]],
) -> Markup:
    names = [name for name in document["clauses"] if name.startswith(letter)]
    if not names:
        return Markup()
    counts = (_tally([results[name, target]["status"] for name in names]) for target in targets)
    head = element("tr", element("th", title.capitalize(), scope="rowgroup"), *counts, class_="group")
    rows = (row for name in names for row in _clause(document, name, targets, results))
    return element("tbody", head, *rows)


def _tally(statuses: Sequence[str]) -> Markup:
    """Return how many of the clauses that apply have passed."""
    counts = Counter(statuses)
    applicable = len(statuses) - counts["not-claimed"]
    return element("td", f"{counts['pass']}/{applicable}" if applicable else "-")


def _clause(
    document: Mapping[str, Any],
    name: str,
    targets: Sequence[str],
    results: Mapping[tuple[str, str], Mapping[str, Any]],
) -> Iterable[Markup]:
    theirs = [results[name, target] for target in targets]
    clause = document["clauses"][name]
    holds = all(result["status"] in {"pass", "not-claimed"} for result in theirs)
    button = element(
        "button",
        element("b", name),
        " ",
        element("span", clause["text"]),
        type="button",
        aria_expanded="true",
        aria_controls=f"of-{name}",
    )
    yield element(
        "tr",
        element("th", button, scope="row", id=name),
        *(_cell(result) for result in theirs),
        class_="clause" if holds else "clause open",
    )
    evidence = element("td", _evidence(clause, theirs), colspan=str(len(targets) + 1))
    yield element("tr", evidence, class_="evidence", id=f"of-{name}")


def _cell(result: Mapping[str, Any]) -> Markup:
    status, reason = result["status"], result["reason"]
    words = element("span", WORDS[status], class_="words")
    return element(
        "td",
        _mark(status),
        words,
        title=f"{result['target']}: {WORDS[status]}" + (f". {reason}" if reason else ""),
        class_=status,
    )


def _evidence(clause: Mapping[str, Any], results: Sequence[Mapping[str, Any]]) -> Markup:
    owed = "statekit to the application" if clause["party"] == "core" else "the author of a backend to statekit"
    verdicts = (
        element("li", _mark(result["status"]), " ", element("b", result["target"]), " ", _came_to(result))
        for result in results
    )
    cases = (element("li", _sentence(case), " ", element("code", case.partition("::")[0])) for case in clause["cases"])
    return element(
        "div",
        element("p", clause["text"], class_="text"),
        element("p", f"Owed by {owed}. Level: {clause['level']}.", class_="quiet"),
        element("ul", *verdicts, class_="verdicts"),
        element("p", "Cases", class_="label") if clause["cases"] else "",
        element("ul", *cases, class_="cases") if clause["cases"] else "",
    )


def _came_to(result: Mapping[str, Any]) -> str:
    reason = f": {result['reason']}" if result["reason"] else ""
    return f"{WORDS[result['status']]}{reason} ({_number(result['cases'], 'case')}, {result['seconds']:.2f} s)"


def _sentence(case: str) -> str:
    """Return a case's name as the sentence that it is."""
    words = case.partition("::")[2].removeprefix("test_").replace("_", " ")
    return words[:1].upper() + words[1:]


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


# Targets and engines


def _targets(document: Mapping[str, Any]) -> Markup:
    cards = (_target(name, facts, document["summary"]["targets"][name]) for name, facts in document["targets"].items())
    return element("section", element("h2", "Targets and their engines"), element("div", *cards, class_="cards"))


def _target(name: str, facts: Mapping[str, Any], counts: Mapping[str, int]) -> Markup:
    if facts["reason"] is not None:
        return element("article", element("h3", name), element("p", f"Not judged: {facts['reason']}"), class_="absent")
    return element(
        "article",
        element("h3", name),
        _bar(counts),
        element("p", f"{facts['engine']} ", element("span", facts["version"], class_="quiet")),
        element("p", f"An acknowledged write survives: {_survives(facts['durability'])}.", class_="quiet"),
        _certified(facts["certified"]),
    )


def _survives(durability: str) -> str:
    return {"nothing": "nothing", "client": "its client", "server": "its client and its server"}[durability]


def _bar(counts: Mapping[str, int]) -> Markup:
    shown = [status for status in STATUSES if counts[status]]
    parts = (element("span", class_=status, style=f"flex-grow: {counts[status]}") for status in shown)
    words = ", ".join(f"{counts[status]} {WORDS[status]}" for status in shown)
    return Markup(
        element("div", *parts, class_="bar", role="img", aria_label=words) + element("p", words, class_="quiet")
    )


def _certified(certified: Mapping[str, Mapping[str, Any]]) -> Markup:
    if not certified:
        return element("p", "No engine apart from the backend to be certified.", class_="quiet")
    missing = sum(not found["holds"] for found in certified.values())
    words = f"Certified with its vendor's SDK: {len(certified) - missing} of {len(certified)} capabilities"
    rows = (
        element(
            "tr",
            element("th", element("code", name), scope="row"),
            element(
                "td",
                _mark("pass" if found["holds"] else "engine-fault"),
                element("span", "holds" if found["holds"] else "does not hold", class_="words"),
            ),
            element("td", found["evidence"]),
        )
        for name, found in sorted(certified.items(), key=lambda item: item[1]["holds"])
    )
    return element("details", element("summary", words), element("table", *rows, class_="plain"))


# Histories


def _histories(document: Mapping[str, Any]) -> Markup:
    histories = document["histories"]
    if not histories:
        return Markup()
    columns = ("Target", "Workload", "Operations", "Verdict", "Seconds", "Seed")
    head = element("tr", *(element("th", column, scope="col") for column in columns))
    intro = (
        "Several processes of several threads ask the same keys at once, some of them killed, some over a wire that "
        "loses replies. A checker then looks for an order of all operations that explains every answer."
    )
    table = element("table", element("thead", head), element("tbody", *map(_history, histories)), class_="plain")
    return element(
        "section",
        element("h2", "Histories"),
        element("p", intro, class_="quiet"),
        element("div", table, class_="scroll"),
    )


def _history(history: Mapping[str, Any]) -> Markup:
    verdict = history["verdict"]
    mark = {"ok": "pass", "illegal": "fail"}.get(verdict, "skipped")
    numbers = (
        f"{history['operations']:,}",
        element("span", _mark(mark), f" {verdict}"),
        f"{history['seconds']:.1f}",
        f"{history['seed']}",
    )
    return element(
        "tr",
        element("td", history["target"]),
        element("td", history["workload"]),
        *(element("td", number, class_="number") for number in numbers),
    )
