"""Preconditions: read from a request, judged against the live state of a bucket or an object.

This is the only place that knows what a precondition means. Callers judge inside the transaction that then
acts, so judging and acting are one step. By the API reference, a positive condition that fails is 412 and a
negative one is 304; generation 0 stands for "absent", so ``ifGenerationMatch=0`` creates only. A misspelt
condition is refused: one that is silently ignored loses updates.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, Self

from statekit_conformance.engines.gcs import errors


class State(Protocol):
    """What conditions are judged against."""

    @property
    def generation(self) -> int:
        """The live generation."""

    @property
    def metageneration(self) -> int:
        """The metageneration of the live generation."""

    @property
    def etags(self) -> tuple[str, ...]:
        """The entity tags that the APIs show, without quotes."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """The preconditions of one request; None is "not asked"."""

    generation_match: int | None = None
    generation_not_match: int | None = None
    metageneration_match: int | None = None
    metageneration_not_match: int | None = None
    etag_match: str | None = None
    etag_not_match: str | None = None

    @classmethod
    def of_query(cls, query: Mapping[str, str], prefix: str = "if") -> Self:
        """Read the JSON API's query parameters.

        Args:
            query: The request's parameters.
            prefix: ``if`` for the object itself, ``ifSource`` for the source of a copy.

        Raises:
            Refusal: 400 if a value is not an integer, or a parameter is a condition that does not exist.
        """
        for name in query:
            if name.lower().startswith("if") and name not in _PARAMETERS:
                raise errors.invalid(f"there is no precondition {name}")
        return cls(
            generation_match=_integer(query, f"{prefix}GenerationMatch"),
            generation_not_match=_integer(query, f"{prefix}GenerationNotMatch"),
            metageneration_match=_integer(query, f"{prefix}MetagenerationMatch"),
            metageneration_not_match=_integer(query, f"{prefix}MetagenerationNotMatch"),
        )

    @classmethod
    def of_headers(cls, headers: Mapping[str, str]) -> Self:
        """Read the XML API's headers; it has no negative ones.

        Raises:
            Refusal: 400 if a value is not an integer.
        """
        return cls(
            generation_match=_integer(headers, "x-goog-if-generation-match"),
            metageneration_match=_integer(headers, "x-goog-if-metageneration-match"),
        )

    def reading(self, headers: Mapping[str, str]) -> "Conditions":
        """Return these conditions and, since this request reads, those of If-Match and If-None-Match."""
        return Conditions(
            self.generation_match,
            self.generation_not_match,
            self.metageneration_match,
            self.metageneration_not_match,
            headers.get("if-match"),
            headers.get("if-none-match"),
        )

    def check(self, current: State | None) -> None:
        """Refuse unless every condition holds.

        Args:
            current: The live state, or None if there is none.

        Raises:
            Refusal: 412 or 304 with the first condition that does not hold.
        """
        generation = current.generation if current else 0
        metageneration = current.metageneration if current else 0
        _positive("ifGenerationMatch", self.generation_match, generation)
        _positive("ifMetagenerationMatch", self.metageneration_match, metageneration)
        if self.etag_match is not None and not _names(self.etag_match, current):
            raise errors.precondition_failed("If-Match")
        _negative("ifGenerationNotMatch", self.generation_not_match, generation)
        _negative("ifMetagenerationNotMatch", self.metageneration_not_match, metageneration)
        if self.etag_not_match is not None and _names(self.etag_not_match, current):
            raise errors.not_modified("If-None-Match")


NONE = Conditions()
_PARAMETERS = {
    f"{prefix}{number}{sense}Match"
    for prefix in ("if", "ifSource")
    for number in ("Generation", "Metageneration")
    for sense in ("", "Not")
}


def _integer(source: Mapping[str, str], name: str) -> int | None:
    text = source.get(name)
    if text is None:
        return None
    try:
        return int(text)
    except ValueError:
        raise errors.invalid(f"{name} is not an integer") from None


def _positive(name: str, wanted: int | None, actual: int) -> None:
    if wanted is not None and wanted != actual:
        raise errors.precondition_failed(name)


def _negative(name: str, unwanted: int | None, actual: int) -> None:
    if unwanted is not None and unwanted == actual:
        raise errors.not_modified(name)


def _names(tags: str, current: State | None) -> bool:
    """Tell whether a header's list of entity tags names the current state."""
    if current is None:
        return False
    named = {tag.strip().removeprefix("W/").strip('"') for tag in tags.split(",")}
    return "*" in named or not named.isdisjoint(current.etags)
