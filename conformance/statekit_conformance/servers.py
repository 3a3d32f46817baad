"""A target's servers as cases may treat them: paused, and reached through a proxy that loses replies."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .proxy import Armed, Fault, Proxy
    from .running import Running
    from .subject import Subject

__all__ = ["Server", "Wire"]


class Wire:
    """The way to a target's servers through proxies, which count requests and lose replies.

    Attributes:
        subject: The same target and namespace, reached through the proxies.
    """

    def __init__(self, subject: Subject, proxies: list[Proxy]) -> None:
        self.subject = subject
        self._proxies = proxies

    def count(self) -> int:
        """Return how many requests have arrived, a client's handshake not counted."""
        return sum(proxy.count() for proxy in self._proxies)

    def forget(self) -> None:
        """Count from zero again."""
        for proxy in self._proxies:
            proxy.forget()

    @contextmanager
    def armed(self, fault: Fault) -> Iterator[list[Armed]]:
        """Let a fault strike the next request to each server."""
        armed = [proxy.arm(fault) for proxy in self._proxies]
        try:
            yield armed
        finally:
            for each in armed:
                each.disarm()

    @staticmethod
    def settle(armed: list[Armed]) -> None:
        """Wait until requests that faults struck have been delivered and answered, if they ever are."""
        for each in armed:
            each.wait_settled(each.struck)


class Server:
    """The servers of a target. Paused ones go on when the test ends."""

    def __init__(self, running: Running, subject: Subject) -> None:
        self._running, self._subject = running, subject
        self._undo = ExitStack()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Stop the servers' processes, as a machine that swaps would: connections stay open, nothing is answered."""
        pids = self._running.pids
        for pid in pids:
            os.killpg(pid, signal.SIGSTOP)  # each is the leader of its own group
        try:
            yield
        finally:
            for pid in pids:
                os.killpg(pid, signal.SIGCONT)

    def wire(self, *, timeout: float | None = None) -> Wire:
        """Return the way through proxies. They are closed when the test ends.

        Args:
            timeout: Seconds that one request may take; by default what the target needs.
        """
        from .subject import Subject

        site, proxies = self._undo.enter_context(self._running.proxied())
        site.timeout = timeout or site.timeout
        subject = Subject(site, self._subject.colour, namespace=self._subject.namespace, clock=self._subject.clock)
        self._undo.callback(subject.close)
        return Wire(subject, proxies)

    def close(self) -> None:
        """End it."""
        self._undo.close()
