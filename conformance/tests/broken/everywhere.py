"""Errors, time, life cycle and configuration with one defect each: E-02 to E-14, P-01 to P-11, K-08."""

from __future__ import annotations

import logging
import time
from dataclasses import replace

import statekit.config
from statekit import plugins, state
from statekit._config import options, urls
from statekit._core import commit, events, keys, pipeline, pool, retry
from statekit._core.checking import CheckPlans
from statekit._core.link import Link
from statekit._core.objects import plans as object_plans
from statekit._core.pipeline import Doubt, Operation, Wire
from statekit._core.sessions import cells
from statekit._core.sessions.session import Session
from statekit.errors import BackendError, StateError

from .mutant import core

# Errors


@core("E-02")
def an_error_does_not_name_its_operation(exchange):
    exchange(Operation, "sign", lambda self, error: None)


@core("E-02")
def an_error_that_loses_its_facts_when_it_is_pickled(exchange):
    exchange(StateError, "__reduce__", lambda self: (type(self), self.args))


@core("E-03")
def a_session_shows_its_data(exchange):
    exchange(Session, "__repr__", lambda self: f"<Session {dict(self)}>")


@core("E-03")
def an_error_carries_its_key_in_clear(exchange):
    exchange(object_plans, "redact", lambda key: key)


@core("E-03")
def a_message_repeats_what_the_sdk_said(exchange):
    real = pipeline.error_of

    def error_of(failure, cause):
        error = real(failure, cause)
        error.args = (f"{error}: {cause}",)
        return error

    exchange(pipeline, "error_of", error_of)


def _fetched(exchange, instead):
    real = pipeline.fetch

    def fetch(op, driver, method, /, *args, **kwargs):
        try:
            return (yield from real(op, driver, method, *args, **kwargs))
        except BackendError:
            return instead

    for module in (pipeline, cells, object_plans):
        exchange(module, "fetch", fetch)


@core("E-04")
def an_engine_that_fails_has_nothing(exchange):
    _fetched(exchange, None)


@core("E-05", "E-06")
def a_refusal_after_a_lost_reply_is_trusted(exchange):
    real = commit._judge
    exchange(
        commit,
        "_judge",
        lambda base, own, current, *, doubtful: real(base, bytes(12), current, doubtful=False),
    )


@core("E-05")
def a_put_does_not_recognise_its_own_write_id(exchange):
    from statekit._core.objects import writing

    real = writing._judge
    exchange(
        writing,
        "_judge",
        lambda meta, expect, current, *, doubtful: real(
            writing.Meta(replaces=meta.replaces), expect, current, doubtful=doubtful
        ),
    )


@core("E-06")
def what_cannot_be_settled_was_not_applied(exchange):
    exchange(commit, "indeterminate", lambda error: error)
    exchange(Doubt, "final", lambda self, error: error)


@core("E-06")
def what_cannot_be_settled_is_called_done(exchange):
    real = commit._judge

    def judge(base, own, current, *, doubtful):
        verdict = real(base, own, current, doubtful=doubtful)
        return commit.Verdict.WON if verdict is commit.Verdict.AGAIN else verdict

    exchange(commit, "_judge", judge)


# Time


@core("E-07")
def nothing_is_tried_again(exchange):
    def pause(self, backoff, error):
        yield from ()
        raise error

    exchange(Operation, "pause", pause)


@core("E-07")
def what_the_engine_asks_to_wait_is_not_waited(exchange):
    real = retry.Backoff.next
    exchange(retry.Backoff, "next", lambda self, at_least=None: real(self))


@core("E-07")
def an_operation_waits_beyond_its_timeout(exchange):
    real = Wire.begin

    def begin(self, name, timeout):
        op = real(self, name, timeout)
        op.deadline += 5
        return op

    exchange(Wire, "begin", begin)


@core("E-07")
def what_nobody_can_mend_is_tried_again(exchange):
    exchange(BackendError, "retryable", property(lambda self: True))


# Events


@core("E-08")
def an_event_for_each_attempt(exchange):
    real = Operation.pause

    def pause(self, backoff, error):
        yield from real(self, backoff, error)
        self.end(None)

    exchange(Operation, "pause", pause)


@core("E-08")
def an_operation_that_fails_emits_nothing(exchange):
    real = Operation.end

    def end(self, error):
        if error is None:
            real(self, error)
        else:
            self.sign(error)

    exchange(Operation, "end", end)


@core("E-08")
def every_event_is_a_warning(exchange):
    exchange(events, "_LEVELS", {"ok": logging.WARNING})


# Life cycle


@core("E-09")
def a_closed_state_goes_on(exchange):
    exchange(Wire, "check_open", lambda self: None)
    exchange(Operation, "__enter__", lambda self: self)

    def take(self):
        return None

    exchange(Link, "take", take)


@core("E-10")
def a_client_that_is_handed_in_is_closed(exchange):
    real = Link.take

    def take(self):
        getattr(self.opening.client, "close", bool)()
        return real(self)

    exchange(Link, "take", take)


@core("E-10")
def a_client_that_is_handed_in_is_not_used(exchange):
    real = Link.__init__

    def init(self, backend, opening, **rest):
        real(self, backend, replace(opening, client=None), **rest)

    exchange(Link, "__init__", init)


@core("E-11", over="local")
def a_forked_child_keeps_its_parents_threads(exchange):
    real = pool.Pool.forget

    def forget(self):
        if not hasattr(self, "_executor"):
            real(self)

    exchange(pool.Pool, "forget", forget)


@core("E-12")
def a_state_may_be_pickled(exchange):
    for kind in (state.State, state.AsyncState):
        exchange(kind, "__reduce__", lambda self: (str, ("state",)))


@core("E-12")
def a_session_may_be_pickled(exchange):
    exchange(Session, "__reduce__", lambda self: (dict, (dict(self),)))


@core("E-13")
def threads_open_the_backend_several_times(exchange):
    def drivers(self):
        if self._drivers is None:
            opened = self._opened()
            time.sleep(0.002)
            self._drivers = opened
        return self._drivers

    exchange(Link, "drivers", drivers)


@core("E-14")
def an_asynchronous_store_has_namespaces_of_its_own(exchange):
    real = state.AsyncState.__init__

    def init(self, settings, **rest):
        real(self, statekit.config.replace(settings, namespace=f"{settings.namespace}a"), **rest)

    exchange(state.AsyncState, "__init__", init)


# Configuration


@core("P-01")
def a_state_connects_when_it_is_opened(exchange):
    real = Link.__init__

    def init(self, *arguments, **rest):
        real(self, *arguments, **rest)
        self.drivers()

    exchange(Link, "__init__", init)


@core("P-02")
def an_unknown_option_is_ignored(exchange):
    real = statekit.config.read

    def read(kind, given, directory, *, owner):
        known = {name: value for name, value in given.items() if name in {f.name for f in options.fields(kind)}}
        return real(kind, known, directory, owner=owner)

    exchange(statekit.config, "read", read)


@core("P-02")
def the_nearest_name_is_not_told(exchange):
    exchange(options, "among", lambda name, known, none="": "it is unknown")


@core("P-03")
def an_option_of_any_type(exchange):
    exchange(options, "convert", lambda annotation, value, directory: value)
    exchange(statekit.config, "seconds", lambda value: value)


@core("P-04")
def a_secret_is_taken(exchange):
    exchange(urls, "is_secret", lambda name: False)


@core("P-04")
def a_password_is_taken(exchange):
    exchange(urls, "_refuse_password", lambda rest: None)


@core("P-05")
def an_unknown_scheme_is_kept_in_memory(exchange):
    real = plugins.Registry._load

    def load(self, scheme):
        return real(self, scheme) if scheme in self.announced() else self.find("memory")

    exchange(plugins.Registry, "_load", load)
    exchange(plugins._REGISTRY, "_backends", dict(plugins._REGISTRY._backends))


@core("P-06")
def every_plugin_is_imported(exchange):
    real = plugins.Registry._load

    def load(self, scheme):
        for entries in self.announced().values():
            for entry in entries:
                plugins._backends(entry)
        return real(self, scheme)

    exchange(plugins.Registry, "_load", load)


@core("P-07")
def the_first_of_two_plugins_is_taken(exchange):
    exchange(plugins.Registry, "_only", lambda self, scheme: self.announced()[scheme][0])


@core("P-07")
def two_plugins_with_one_scheme_and_one_is_named(exchange):
    real = plugins.Registry.announced

    def announced(self):
        return {scheme: entries[:1] * len(entries) for scheme, entries in real(self).items()}

    exchange(plugins.Registry, "announced", announced)


@core("P-08")
def a_plugin_for_any_contract_is_taken(exchange):
    exchange(plugins, "_problem", lambda backend: None)


@core("P-08")
def a_plugin_that_fails_to_import_fails_as_it_likes(exchange):
    exchange(plugins, "_imported", lambda entry: entry.load())


@core("P-09")
def a_store_that_is_not_offered_is_none(exchange):
    exchange(Link, "records", lambda self: self.drivers().records)
    exchange(Link, "objects", lambda self: self.drivers().objects)


@core("P-10")
def a_disk_that_does_not_last_is_taken(exchange):
    exchange(statekit.config, "forgetful", lambda environ: None)


@core("P-11")
def a_check_looks_at_nothing(exchange):
    def check(self, timeout):
        with self.wire.begin("check", timeout):
            yield from ()
            return ()

    exchange(CheckPlans, "check", check)


@core("P-11")
def a_check_looks_at_records_only(exchange):
    real = CheckPlans.check

    def check(self, timeout):
        yield from ()
        return (yield from real(self, timeout)) if self.link.backend.records else ()

    exchange(CheckPlans, "check", check)


@core("K-08")
def a_namespace_of_any_letters(exchange):
    exchange(keys, "_NAMESPACE", keys.re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"))
