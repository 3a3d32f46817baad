"""Signers, gateways and tickets with one defect each: O-28 to O-42, O-74 and O-75."""

from __future__ import annotations

import time
from datetime import timedelta

from msgspec.structs import replace

from statekit._core.keys import check_key
from statekit._core.objects import presigning
from statekit._core.objects.presigning import PresignPlans
from statekit._core.permits import Signer
from statekit._core.tickets import plans as tickets
from statekit._core.tickets.plans import TicketPlans
from statekit.config import NOWHERE, Settings, Target
from statekit.driver import Signed
from statekit.errors import NotFoundError
from statekit.state import State
from statekit.testing import backend_of

from .mutant import Mutant, core, objects

__all__ = ["SOUND", "Signs"]

KEYS = ("c3RhdGVraXQgY29uZm9ybWFuY2UgcmluZyBudW1iZXI=",)


class Signs:
    """An engine that verifies signatures: memory, and a gateway of its own before it."""

    _front: Signer | None = None

    def sign(self, grant, /, *, timeout):
        if self._front is None:
            from statekit_conformance.presigning.serving import ThreadedServer  # registering imports no gateway

            server = ThreadedServer()
            place = Target(backend=backend_of(objects=self), scheme="test", authority="", path="", options=None)
            state = State(Settings(sessions=NOWHERE, objects=place, keys=KEYS, gateway=server.url))
            server.mount(state)
            self._front = state._assembly.objects.signer
        return self.signed(grant)

    def signed(self, grant):
        return self._front.sign(grant, time.time_ns() // 1_000_000)


SOUND = Mutant("sound-signing", "nothing over memory that signs", (), drivers={"objects": Signs})
"""The control of the mutants that sign."""


@objects("O-74")
class TheSizeOfAnUploadIsNotSigned(Signs):
    def signed(self, grant):
        return super().signed(grant if grant.size is None else replace(grant, size=(0, 1 << 40)))


@objects("O-74")
class AbsenceIsNotSigned(Signs):
    def signed(self, grant):
        answer = super().signed(replace(grant, if_absent=False))
        absent = {"If-None-Match": "*"} if grant.if_absent else {}
        return Signed(answer.url, {**answer.headers, **absent}, answer.fields, answer.expires_at)


@objects("O-75")
class ASignatureEndsSoonerThanItSays(Signs):
    def signed(self, grant):
        answer = super().signed(replace(grant, lifetime=max(1, grant.lifetime // 2)))
        return replace(answer, expires_at=answer.expires_at + grant.lifetime * 500)


@objects("O-75")
class ASignatureSaysThatItEndsLater(Signs):
    def signed(self, grant):
        answer = super().signed(grant)
        return replace(answer, expires_at=answer.expires_at + 86_400_000)


# Downloads


@core("O-28")
def the_type_that_was_signed_is_forgotten(exchange):
    from statekit._core.gateway import serving

    exchange(serving, "_type", lambda info, _: info.content_type or "application/octet-stream")


@core("O-28")
def the_name_of_a_file_is_forgotten(exchange):
    real = presigning._disposition
    exchange(presigning, "_disposition", lambda _, *, inline: real(None, inline=inline))


@core("O-33")
def what_has_ended_is_honoured(exchange):
    real = Signer.verify
    exchange(Signer, "verify", lambda self, text, signature, _: real(self, text, signature, 0))


@core("O-33")
def a_signature_lasts_as_long_as_anybody_likes(exchange):
    exchange(presigning, "LONGEST", timedelta(days=365))


@core("O-34")
def a_condition_of_a_form_is_dropped(exchange):
    real = PresignPlans.presign_post

    def presign_post(self, timeout, key, prefix, sizes, put, *rest):
        return real(self, timeout, key, prefix, sizes, replace(put, if_absent=False), *rest)

    exchange(PresignPlans, "presign_post", presign_post)


@core("O-35")
def a_page_is_shown_as_the_sites_own(exchange):
    real = presigning._disposition
    exchange(presigning, "_disposition", lambda name, *, inline: real(name, inline=True))


@core("O-35")
def everything_may_be_shown_inline(exchange):
    exchange(presigning, "INLINE", {"", "text/html", "image/svg+xml", "application/pdf", "text/javascript"})


@core("O-36")
def any_signature_will_do(exchange):
    from statekit._core import permits

    class Careless:
        digest = staticmethod(permits.hmac.digest)

        @staticmethod
        def compare_digest(_, __):
            return True

    exchange(permits, "hmac", Careless)


# Uploads


@core("O-29", "O-31")
def what_arrives_is_not_counted(exchange):
    from statekit._core.gateway import receiving

    def pass_on(self):
        return (yield from self._next())

    exchange(receiving, "_check_length", lambda *_: None)
    exchange(receiving._Measured, "next", pass_on)


@core("O-29")
def the_type_of_an_upload_is_not_compared(exchange):
    from dataclasses import replace as changed

    from statekit._core.gateway import desk, receiving

    real = receiving.receive_put

    def receive_put(plans, permit, request):
        headers = {**request.headers, "content-type": permit.content_type}
        return (yield from real(plans, permit, changed(request, headers=headers)))

    exchange(desk, "receive_put", receive_put)


@core("O-30")
def an_upload_if_absent_replaces_what_is_there(exchange):
    from statekit._core.gateway import receiving

    real = receiving._store
    exchange(receiving, "_store", lambda plans, key, permit, data: real(plans, key, replace_permit(permit), data))


def replace_permit(permit):
    return replace(permit, if_absent=False)


@core("O-31", "O-42")
def a_forms_fields_are_not_compared(exchange):
    from statekit._core.gateway import receiving

    exchange(receiving, "_check_fields", lambda *_: None)


@core("O-42")
def more_fields_are_let_pass(exchange):
    from statekit._core.gateway import receiving

    exchange(receiving, "_UNSPOKEN", "")


@core("O-32")
def a_file_brings_its_folders(exchange):
    from statekit._core.gateway.forms import Form

    real = Form._begin

    def begin(self, part):
        real(self, part)
        if part.option(b"name").lower() == "file":
            self.filename = part.option(b"filename")

    exchange(Form, "_begin", begin)


@core("O-32")
def a_prefix_is_a_suggestion(exchange):
    from statekit._core.gateway import receiving

    def key_of(permit, form):
        key = form.fields.get("key", "").replace("${filename}", form.filename)
        check_key(key)
        return key

    exchange(receiving, "_key", key_of)


# Tickets


@core("O-37")
def what_is_published_is_of_the_uploads_type(exchange):
    real = TicketPlans._copy

    def copy(self, op, name, target, slip):
        return (yield from real(self, op, name, target, replace(slip, headers=("text/plain", None, None))))

    exchange(TicketPlans, "_copy", copy)


@core("O-37")
def confirming_again_publishes_again(exchange):
    real = TicketPlans._look

    def look(self, op, name):
        found = yield from real(self, op, name)
        if found is None or found[1].phase != "done":
            return found
        return found[0], replace(found[1], phase="reserved")

    exchange(TicketPlans, "_look", look)


@core("O-38")
def a_ticket_forgets_its_condition(exchange):
    real = tickets.encode_slip
    exchange(tickets, "encode_slip", lambda slip: real(replace(slip, if_absent=False)))


@core("O-39")
def nobody_looks_at_an_upload(exchange):
    def check_upload(*_):
        yield from ()

    exchange(tickets, "check_upload", check_upload)


@core("O-40")
def a_ticket_is_everybodys(exchange):
    def held(self, op, name, owner):
        found = yield from self._look(op, name)
        if found is None or found[1].phase == "dead":
            raise NotFoundError
        return found

    exchange(TicketPlans, "_held", held)


@core("O-40")
def an_abandoned_ticket_lives_on(exchange):
    def abandon(self, timeout, identifier, owner):
        yield from ()
        return True

    exchange(TicketPlans, "abandon", abandon)


@core("O-41")
def a_sweep_spares_nothing(exchange):
    exchange(TicketPlans, "_settled", TicketPlans._unstage)


@core("O-41")
def a_sweep_deletes_no_upload(exchange):
    def sweep_staging(self, op):
        yield from ()
        return 0

    exchange(TicketPlans, "_sweep_staging", sweep_staging)
