"""Phone factors: codes go out through the hook, and come back once."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, Protocol

from tests.support.factors import Person, a_person, aal_of, refused
from tests.support.messages import open_post
from tests.support.plane import BROWSER, OPEN, HasDatabase, TestPlane, open_plane

from keyturn.accounts.hooks import FunctionHook, HookSettings
from keyturn.accounts.mfa import MfaSettings
from keyturn.adapters.column_cipher import Columns
from keyturn.flows import factors, phone_factors
from keyturn.flows.factors import Attempt, Enrolled, Enrolment
from keyturn.secret import Secret

PHONES = MfaSettings(phone_enroll=True, phone_verify=True)
NUMBER = "+1 555 0100"


class HasSuperuser(HasDatabase, Protocol):
    @property
    def dsn(self) -> Secret: ...


async def open_with_hook(database: HasSuperuser, mfa: MfaSettings = PHONES) -> TestPlane:
    pool = await database.pool(database.dsn, size=1)
    await pool.execute("create table public.sent (event jsonb)")
    await pool.execute("grant all on public.sent to supabase_auth_admin")
    await pool.execute(
        "create function public.send(event jsonb) returns jsonb language sql as "
        "$$ insert into public.sent values (event); select '{}'::jsonb $$"
    )
    hooks = HookSettings(send_sms=FunctionHook("public", "send"))
    return await open_plane(database, replace(OPEN, mfa=mfa, hooks=hooks))


async def sent(database: HasSuperuser) -> list[Any]:
    pool = await database.pool(database.dsn, size=1)
    rows = await pool.fetch("select event->'sms' as sms from public.sent")
    return [json.loads(row["sms"]) for row in rows]


async def enrolled(person: Person, phone: str = NUMBER, name: str = "phone") -> Enrolled:
    request = Enrolment("phone", name, phone=phone)
    return await factors.enroll(person.plane, person.caller, request, BROWSER)


async def challenged(person: Person, factor_id: str, channel: str = "") -> str:
    person = await person.again()
    made = await phone_factors.challenge(person.plane, person.caller, factor_id, channel, BROWSER)
    return made.id


async def verified(person: Person, factor_id: str, challenge_id: str, code: str) -> Any:
    person = await person.again()
    attempt = Attempt(challenge_id, code)
    return await phone_factors.verify(person.plane, person.caller, factor_id, attempt, BROWSER)


async def test_a_code_lifts_the_session(database: HasSuperuser) -> None:
    plane = await open_with_hook(database)
    person = await a_person(plane)
    made = await enrolled(person)
    assert (made.type, made.phone, made.secret) == ("phone", NUMBER, "")
    challenge = await challenged(person, made.id, "sms")
    (message,) = await sent(database)
    assert (message["sms_type"], message["phone"]) == ("mfa", "15550100")
    code = message["otp"]
    assert len(code) == 6
    assert code.isdecimal()
    wrong = "000000" if code != "000000" else "111111"
    for bad in (wrong, "\ud800", code + "0"):
        assert await refused(verified(person, made.id, challenge, bad)) == (
            422,
            "mfa_verification_failed",
            "Invalid MFA Phone code entered",
        )
    assert (await refused(verified(person, made.id, challenge, "")))[1] == "validation_failed"
    plane.clock.forward(seconds=1)
    granted = await verified(person, made.id, challenge, code)
    assert aal_of(granted) == "aal2"
    person = await Person.of(plane, granted, person.email)
    assert person.caller.session is not None
    assert person.caller.session.amr[0].method == "mfa/phone"
    assert (await refused(verified(person, made.id, challenge, code)))[1] == (
        "mfa_ip_address_mismatch"
    )
    # Removing it takes the level away, though AMR and kind have different names.
    await factors.unenroll(plane, person.caller, made.id, BROWSER)
    left = (await person.again()).caller.session
    assert left is not None
    assert left.aal == "aal1"


async def test_codes_may_be_longer_and_encrypted(database: HasSuperuser) -> None:
    plane = await open_with_hook(database, replace(PHONES, phone_code_length=8))
    plane.columns = Columns({"k": Secret(b"k" * 42 + b"s")}, "k", plane.entropy)
    person = await a_person(plane)
    made = await enrolled(person)
    challenge = await challenged(person, made.id)
    stored = await plane.pool.fetchval("select otp_code from auth.mfa_challenges")
    code = (await sent(database))[0]["otp"]
    assert len(code) == 8
    assert code not in stored
    assert aal_of(await verified(person, made.id, challenge, code)) == "aal2"


async def test_a_pause_between_codes(database: HasSuperuser) -> None:
    plane = await open_with_hook(database)
    person = await a_person(plane)
    made = await enrolled(person)
    await challenged(person, made.id)
    plane.clock.forward(seconds=18)
    assert await refused(challenged(person, made.id)) == (
        429,
        "over_sms_send_rate_limit",
        "For security purposes, you can only request this after 42 seconds.",
    )
    assert len(await sent(database)) == 1
    plane.clock.forward(seconds=43)
    await challenged(person, made.id)


async def test_numbers(database: HasSuperuser) -> None:
    plane = await open_with_hook(database)
    person = await a_person(plane)
    assert await refused(enrolled(person, phone="")) == (
        400,
        "validation_failed",
        "Phone number required to enroll Phone factor",
    )
    assert (await refused(enrolled(person, phone="abc")))[2] == (
        "Invalid phone number format (E.164 required)"
    )
    await enrolled(person)
    made = await enrolled(person, name="again")  # the unverified one makes room
    assert await plane.pool.fetchval("select count(*) from auth.mfa_factors") == 1
    challenge = await challenged(person, made.id)
    code = (await sent(database))[-1]["otp"]
    granted = await verified(person, made.id, challenge, code)
    person = await Person.of(plane, granted, person.email)
    assert await refused(enrolled(person, name="more")) == (
        422,
        "mfa_verified_factor_exists",
        "A verified phone factor already exists, unenroll the existing factor to continue",
    )


async def test_what_cannot_be_sent(database: HasSuperuser) -> None:
    plane = await open_with_hook(database)
    person = await a_person(plane)
    made = await enrolled(person)
    assert (await refused(challenged(person, made.id, "pigeon")))[1] == "validation_failed"
    plane.settings = replace(OPEN, mfa=PHONES)
    assert (await refused(challenged(person, made.id)))[:2] == (422, "sms_send_failed")
    plane.settings = OPEN
    off = (422, "mfa_phone_verify_not_enabled", "MFA verification is disabled for Phone")
    assert await refused(challenged(person, made.id)) == off
    assert await refused(verified(person, made.id, made.id, "123456")) == off
    assert await plane.pool.fetchval("select count(*) from auth.mfa_challenges") == 0


async def test_without_a_hook_the_provider_sends(database: HasDatabase) -> None:
    mfa = replace(PHONES, phone_template="{{ .Code }} or {{.Code}}")
    post = await open_post(database, replace(OPEN, mfa=mfa))
    person = await a_person(post.plane)
    made = await enrolled(person)
    challenge = await challenged(person, made.id, "whatsapp")
    ((phone, text, channel),) = post.outbox.texts
    code = text[:6]
    assert (phone, text, channel) == ("15550100", f"{code} or {code}", "whatsapp")
    post.outbox.broken = True
    post.plane.clock.forward(minutes=2)
    assert await refused(challenged(person, made.id)) == (
        422,
        "sms_send_failed",
        "Error sending message: the provider is away",
    )
    # What was not sent leaves nothing behind, and the first code is still good.
    assert await post.plane.pool.fetchval("select count(*) from auth.mfa_challenges") == 1
    assert aal_of(await verified(person, made.id, challenge, code)) == "aal2"
