"""HTML from Python: whatever is not markup already is escaped."""

from __future__ import annotations

from html import escape
from typing import Final

__all__ = ["Markup", "element"]

_VOID: Final[frozenset[str]] = frozenset({"input", "meta", "wbr"})


class Markup(str):
    """Text that is HTML and is not escaped again."""

    __slots__ = ()


def element(tag: str, /, *children: str, **attributes: str | bool) -> Markup:
    """Return an element.

    Args:
        tag: Its name.
        children: Markup as it is; any other text escaped.
        attributes: ``class_`` and ``aria_label`` stand for class and aria-label; True for an attribute without value.
    """
    written = "".join(_attribute(name, value) for name, value in attributes.items() if value is not False)
    if tag in _VOID:
        return Markup(f"<{tag}{written}>")
    content = "".join(child if isinstance(child, Markup) else escape(child) for child in children)
    return Markup(f"<{tag}{written}>{content}</{tag}>")


def _attribute(name: str, value: str | bool) -> str:  # noqa: FBT001 - as HTML has it
    name = name.rstrip("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{escape(str(value))}"'
