"""Connections that are kept, without a server: what is sent, and what becomes of a connection afterwards."""

import asyncio

import pytest
import redis
from redis.exceptions import NoScriptError, ResponseError
from statekit_redis import alines, lines
from statekit_redis.alines import AsyncLines
from statekit_redis.faults import UnreachedError, fault
from statekit_redis.lines import Lines
from statekit_redis.packing import LARGE, packed

from statekit.driver import Fault


class Line:
    """A connection of redis-py's, as far as it is used: answers what it was told to, and remembers what happened."""

    def __init__(self, answers, connecting=None):
        self.answers, self.connecting = answers, connecting
        self.socket_timeout = self.socket_connect_timeout = 10.0
        self.log, self.readable = [], False

    def connect(self):
        self.log.append(("connect", self.socket_timeout))
        if self.connecting is not None:
            raise self.connecting

    def disconnect(self, **_):
        self.log.append("disconnect")

    def can_read(self, timeout=0):
        return self.readable

    def update_current_socket_timeout(self, seconds):
        self.log.append(("patience", round(seconds, 1)))

    def send_packed_command(self, pieces, check_health):
        assert check_health is False
        self.log.append(b"".join(pieces))

    def read_response(self, *, disable_decoding):
        assert disable_decoding is True
        answer = self.answers.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        return answer


class AsyncLine(Line):
    async def connect(self):
        Line.connect(self)

    async def disconnect(self, **_):
        Line.disconnect(self)

    async def can_read(self):
        return self.readable

    async def send_packed_command(self, pieces, check_health):
        Line.send_packed_command(self, pieces, check_health)

    async def read_response(self, *, disable_decoding):
        if self.answers[0] == "never":
            await asyncio.Event().wait()
        return Line.read_response(self, disable_decoding=disable_decoding)


class Threads:
    """Lines for threads, and the connections that they made."""

    kind, module = Line, lines

    def __init__(self, *answers, connecting=None):
        self.made, self.answers, self.connecting = [], list(answers), connecting
        self.lines = self.opened()

    def opened(self):
        return Lines(self.make, 10.0)

    def make(self):
        self.made.append(self.kind(self.answers, self.connecting))
        return self.made[-1]

    def ask(self, timeout=10.0):
        return self.lines.ask([b"PING"], timeout)

    def ask_all(self, count):
        return self.lines.ask_all([[b"%d" % number] for number in range(count)], 10.0)

    def close(self):
        self.lines.close()


class Tasks(Threads):
    kind, module = AsyncLine, alines

    def opened(self):
        return AsyncLines(self.make)

    def ask(self, timeout=10.0):
        return asyncio.run(self.lines.ask([b"PING"], timeout))

    def ask_all(self, count):
        return asyncio.run(self.lines.ask_all([[b"%d" % number] for number in range(count)], 10.0))

    def close(self):
        asyncio.run(self.lines.close())


BOTH = pytest.mark.parametrize("colour", [Threads, Tasks], ids=["sync", "async"])


@BOTH
def test_a_connection_is_used_again(colour):
    used = colour(b"1", b"2")
    assert (used.ask(), used.ask()) == (b"1", b"2")
    (line,) = used.made
    assert line.log == [("connect", 10.0), b"PING", b"PING"]


@BOTH
def test_a_connection_outlives_an_answer_that_is_an_error(colour):
    used = colour(ResponseError("no"), b"2")
    with pytest.raises(ResponseError):
        used.ask()
    assert used.ask() == b"2"
    assert len(used.made) == 1


@BOTH
@pytest.mark.parametrize("broken", [redis.ConnectionError("x"), redis.TimeoutError("x"), KeyboardInterrupt()])
def test_a_connection_whose_answer_is_outstanding_is_never_used_again(colour, broken):
    used = colour(broken, b"2")
    with pytest.raises(type(broken)):
        used.ask()
    assert used.ask() == b"2"
    first, second = used.made
    assert "disconnect" in first.log
    assert first.log.count(b"PING") == second.log.count(b"PING") == 1


@BOTH
def test_all_requests_go_out_before_the_first_answer_is_read_and_errors_are_among_the_answers(colour):
    used = colour(b"1", NoScriptError("x"), b"3")
    one, two, three = used.ask_all(3)
    assert (one, type(two), three) == (b"1", NoScriptError, b"3")
    assert used.made[0].log[1:] == [b"012"]


@BOTH
def test_a_connection_that_was_closed_while_it_was_idle_is_made_anew_before_anything_is_sent(colour, monkeypatch):
    used = colour(b"1", b"2", b"3")
    used.ask()
    (line,) = used.made
    line.readable = True  # which an idle connection is where the server has closed it
    used.ask()
    assert line.log.count(("connect", 10.0)) == 1  # a moment ago it lived
    monkeypatch.setattr(used.module, "LULL", -1.0)
    used.ask()
    assert line.log[-3:] == ["disconnect", ("connect", 10.0), b"PING"]


@BOTH
@pytest.mark.parametrize("why", [redis.ConnectionError("reset"), redis.TimeoutError("handshake"), OSError("x")])
def test_what_was_never_connected_was_never_sent(colour, why):
    used = colour(connecting=why)
    with pytest.raises(UnreachedError) as caught:
        used.ask()
    assert fault(caught.value).fault is Fault.UNREACHED
    assert caught.value.__cause__ is why


@BOTH
def test_a_login_that_is_refused_is_no_outage(colour):
    used = colour(connecting=redis.AuthenticationError("WRONGPASS"))
    with pytest.raises(redis.AuthenticationError) as caught:
        used.ask()
    assert fault(caught.value).fault is Fault.DENIED


@BOTH
def test_closing_disconnects_what_is_idle(colour):
    used = colour(b"1")
    used.ask()
    used.close()
    assert used.made[0].log[-1] == "disconnect"


def test_a_connection_that_comes_back_after_the_close_is_closed():
    used = Threads(b"1")
    line = used.lines._take(10.0)
    used.close()
    used.lines._give(line, 10.0)
    assert line.log[-1] == "disconnect"


def test_a_short_timeout_holds_for_connecting_sending_and_waiting_and_is_taken_back():
    used = Threads(b"1", b"2")
    used.ask(timeout=2.0)
    (line,) = used.made
    assert line.log == [("connect", 2.0), ("patience", 2.0), b"PING", ("patience", -1)]
    assert line.socket_timeout == line.socket_connect_timeout == 10.0
    used.ask(timeout=9.99)  # which is nearly the usual one
    assert line.log[4:] == [b"PING"]


def test_a_task_that_gives_up_drops_its_connection():
    used = Tasks("never")
    with pytest.raises(TimeoutError):
        used.ask(timeout=0.01)
    assert used.made[0].log[-1] == "disconnect"


@pytest.mark.parametrize("size", [0, 1, LARGE - 1, LARGE, LARGE + 1])
@pytest.mark.parametrize("kind", [bytes, memoryview])
def test_a_command_is_packed_as_redis_py_packs_it(size, kind):
    value = b"\xff" * size
    expected = b"".join(redis.Connection().pack_command("SET", "kéy", 7, value))
    assert b"".join(packed((b"SET", "kéy", 7, kind(value)))) == expected


def test_a_large_value_is_not_copied():
    value = b"x" * LARGE
    assert any(piece is value for piece in packed((b"SET", b"k", value)))


def test_a_large_text_is_packed_by_its_bytes():
    value = "é" * LARGE
    expected = b"".join(redis.Connection().pack_command("SET", "k", value))
    assert b"".join(packed(("SET", "k", value))) == expected
