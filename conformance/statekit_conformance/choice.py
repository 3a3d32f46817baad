"""Which targets are to be judged: from options and from authors' conftests. Everything wrong is one clear line."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import chain, count

import pytest

from .guard import foreign_host
from .plugin import ADVICE
from .running import reason_not_to_start
from .targets import KNOWN, Target

__all__ = ["Choice", "choose"]


@dataclass(slots=True)
class Choice:
    """What was chosen.

    Attributes:
        targets: Those that may start.
        absent: Why others cannot start here.
        required: Those whose failure to start is a failure of the run.
    """

    targets: list[Target] = field(default_factory=list)
    absent: dict[str, str] = field(default_factory=dict)
    required: set[str] = field(default_factory=set)


def choose(config: pytest.Config) -> Choice:
    """Choose the targets.

    Raises:
        pytest.UsageError: Nothing was named, a name is not known, or what was named cannot be judged.
    """
    given = _from_conftests(config)
    named = _split(config.option.statekit_target)
    required = _split(config.option.statekit_require)
    urls = list(config.option.statekit_url)
    pool = {**KNOWN, **{target.name: target for target in given}}
    names = list(dict.fromkeys(chain(_meant(named, pool), required)))
    wanted = [_known(name, pool) for name in names] + _from_urls(urls)
    wanted = wanted or given
    if not wanted:
        raise pytest.UsageError(ADVICE)
    choice = Choice(required={target.name for target in wanted if target.name in required or "all" not in named})
    for target in wanted:
        _add(choice, target, config.option.statekit_allow)
    return choice


def _add(choice: Choice, target: Target, allowed: list[str]) -> None:
    host = foreign_host(target.url, allowed)
    if host is not None:
        raise pytest.UsageError(
            f"the target {target.name} is at {host}, which is not loopback; "
            f"if the suite may write there and delete, say --statekit-allow {host}"
        )
    reason = reason_not_to_start(target)
    if reason is None:
        choice.targets.append(target)
    elif target.name in choice.required:
        raise pytest.UsageError(f"the target {target.name} cannot start: {reason}")
    else:
        choice.absent[target.name] = reason


def _meant(named: list[str], pool: dict[str, Target]) -> list[str]:
    return list(chain.from_iterable(pool if name == "all" else [name] for name in named))


def _known(name: str, pool: dict[str, Target]) -> Target:
    if name not in pool:
        raise pytest.UsageError(f"no target is called {name!r}; known are {', '.join(pool)}")
    return pool[name]


def _from_conftests(config: pytest.Config) -> list[Target]:
    answers = config.hook.pytest_statekit_targets(config=config)
    return [target for answer in answers if answer for target in answer]


def _from_urls(urls: list[str]) -> list[Target]:
    """Name each URL by its scheme: the rest may be long, or say more than a report should."""
    targets: dict[str, Target] = {}
    for url in urls:
        scheme = url.partition(":")[0]
        names = chain([scheme], (f"{scheme}-{number}" for number in count(2)))
        name = next(name for name in names if name not in targets)
        targets[name] = Target(name=name, url=url.replace("{", "{{").replace("}", "}}"), distribution="")
    return list(targets.values())


def _split(values: list[str]) -> list[str]:
    return [name.strip() for value in values for name in value.split(",") if name.strip()]
