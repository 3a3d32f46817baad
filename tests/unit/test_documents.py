"""Documents lead where they say they do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(
    path.relative_to(ROOT)
    for folder in ("", "docs/**/", "plugins/*/", "conformance/")
    for path in ROOT.glob(f"{folder}*.md")
)
LINK = re.compile(r"\]\((?!https?:|mailto:)([^)#\s]*)(?:#([^)\s]*))?\)")


def anchors(document: Path) -> set[str]:
    """Return the anchors of a document's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", document.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_every_link_within_the_repository_leads_somewhere(document: Path) -> None:
    for name, anchor in LINK.findall((ROOT / document).read_text("utf-8")):
        target = (ROOT / document.parent / name).resolve() if name else ROOT / document
        assert target.exists(), f"{name} does not exist"
        assert not anchor or anchor in anchors(target), f"{name} has no heading {anchor}"


def test_there_are_documents() -> None:
    assert Path("README.md") in DOCUMENTS
    assert Path("docs/guide/operating.md") in DOCUMENTS
