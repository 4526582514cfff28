"""Second factors on a real database: enrol, challenge, verify, remove, and what sessions gain."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.support.factors import (
    Person,
    a_person,
    aal_of,
    answer,
    code_of,
    enrolled,
    lifted,
    person_signed_in,
    refused,
)
from tests.support.plane import BROWSER, OPEN, HasDatabase, TestPlane, open_plane
from tests.support.refreshing import VERSIONS, again
from tests.support.refreshing import refused as refresh_refused

from keyturn.accounts.mfa import MfaSettings
from keyturn.accounts.settings import AuthSettings
from keyturn.flows import factors, sign_up, user
from keyturn.flows.factors import Attempt, Enrolment
from keyturn.flows.ports.accounts import ClientInfo

STRANGER = ClientInfo(ip="198.51.100.9", user_agent="browser/2")
UNKNOWN = "0a1b2c3d-4e5f-4a7b-8c9d-0e1f2a3b4c5d"


async def count(plane: TestPlane, table: str) -> int:
    return int(await plane.pool.fetchval(f"select count(*) from auth.{table}"))


async def test_from_enrolment_to_aal2(database: HasDatabase) -> None:
    plane = await open_plane(database, replace(OPEN, site_url="https://app.example.com:8443/x"))
    person = await a_person(plane)
    plane.pool.trips = 0
    made = await factors.enroll(plane, person.caller, Enrolment("totp", "phone app"), BROWSER)
    assert plane.pool.trips == 1
    assert made.qr_code.startswith('<?xml version="1.0"?><svg')
    assert f"secret={made.secret}" in made.uri
    assert made.uri.startswith("otpauth://totp/app.example.com%3A8443:ada%40example.com?") or (
        made.uri.startswith("otpauth://totp/app.example.com%3A8443:ada@example.com?")
    )
    challenged = await factors.challenge(plane, (await person.again()).caller, made.id, BROWSER)
    assert challenged.expires_at == int(plane.clock().timestamp()) + 300
    plane.clock.forward(seconds=3)
    person = await person.again()
    plane.pool.trips = 0
    granted = await answer(person, made.id, challenged.id, code_of(plane, made.secret))
    assert plane.pool.trips == 2
    assert aal_of(granted) == "aal2"
    caller = await user.authenticate(plane, f"Bearer {granted.access_token}")
    assert caller.session is not None
    assert [entry.method for entry in caller.session.amr] == ["totp", "password"]
    (factor,) = caller.user.factors
    assert (factor.status, factor.friendly_name) == ("verified", "phone app")
    row = await plane.pool.fetchrow("select aal::text, factor_id::text from auth.sessions")
    assert row is not None
    assert tuple(row) == ("aal2", made.id)
    assert (await again(plane, granted.refresh_token)).user.id == person.caller.user.id


@pytest.mark.parametrize("settings", VERSIONS)
async def test_the_pair_from_before_is_worth_nothing(
    database: HasDatabase, settings: AuthSettings
) -> None:
    """gotrue.md §3.3: v1 swaps, v2 counts two on, so the old token is neither current nor next."""
    plane = await open_plane(database, replace(settings, refresh_reuse_interval=10))
    person = await a_person(plane)
    before = person.granted.refresh_token
    plane.clock.forward(seconds=60)
    granted = await lifted(person)
    assert granted.refresh_token != before
    if settings.refresh_algorithm_version == 2:
        # The reuse interval does not help: verifying is no refresh.
        assert (await refresh_refused(plane, before)).error_code == "refresh_token_already_used"
    else:
        assert aal_of(await again(plane, granted.refresh_token)) == "aal2"


async def test_other_sessions_at_the_first_level_end(database: HasDatabase) -> None:
    plane = await open_plane(database)
    person = await a_person(plane)
    other = await person_signed_in(plane, person.email)
    granted = await lifted(person)
    assert await count(plane, "sessions") == 1
    error = await refresh_refused(plane, other.granted.refresh_token)
    assert error.error_code == "refresh_token_not_found"
    assert aal_of(await again(plane, granted.refresh_token)) == "aal2"


async def test_a_second_sign_in_climbs_with_the_same_factor(database: HasDatabase) -> None:
    plane = await open_plane(database)
    person = await a_person(plane)
    made = await enrolled(person)
    await lifted(person, made)
    plane.clock.forward(minutes=5)
    later = await person_signed_in(plane, person.email)
    assert aal_of(later.granted) == "aal1"
    assert aal_of(await lifted(later, made)) == "aal2"
    assert await count(plane, "sessions") == 2


async def test_leftovers_of_the_same_kind_go(database: HasDatabase) -> None:
    plane = await open_plane(database)
    person = await a_person(plane)
    kept, _ = await enrolled(person, "kept"), await enrolled(person, "forgotten")
    await lifted(person, kept)
    assert await count(plane, "mfa_factors") == 1


async def test_wrong_codes_and_strangers(database: HasDatabase) -> None:
    plane = await open_plane(database)
    person = await a_person(plane)
    made = await enrolled(person)
    person = await person.again()
    challenge = (await factors.challenge(plane, person.caller, made.id, BROWSER)).id
    good = code_of(plane, made.secret)

    async def verify_refused(
        code: str = good, challenge_id: str = challenge, client: ClientInfo = BROWSER
    ) -> tuple[int, str, str]:
        attempt = Attempt(challenge_id, code)
        return await refused(factors.verify(plane, person.caller, made.id, attempt, client))

    wrong = "000000" if good != "000000" else "000001"
    assert await verify_refused(wrong) == (
        422,
        "mfa_verification_failed",
        "Invalid TOTP code entered",
    )
    assert await verify_refused("") == (400, "validation_failed", "Code needs to be non-empty")
    mismatch = (422, "mfa_ip_address_mismatch", "Challenge and verify IP addresses mismatch.")
    assert await verify_refused(client=STRANGER) == mismatch
    missing = (
        422,
        "mfa_factor_not_found",
        "MFA factor with the provided challenge ID not found",
    )
    assert await verify_refused(challenge_id=UNKNOWN) == missing
    assert await verify_refused(challenge_id="x") == missing
    assert aal_of(await answer(person, made.id, challenge, good)) == "aal2"
    person = await person_signed_in(plane, person.email)
    assert await verify_refused() == mismatch  # used up


async def test_a_challenge_expires_and_is_gone(database: HasDatabase) -> None:
    plane = await open_plane(database)
    person = await a_person(plane)
    made = await enrolled(person)
    person = await person.again()
    challenge = (await factors.challenge(plane, person.caller, made.id, BROWSER)).id
    plane.clock.forward(seconds=301)
    attempt = Attempt(challenge, code_of(plane, made.secret))
    status, code, text = await refused(
        factors.verify(plane, person.caller, made.id, attempt, BROWSER)
    )
    assert (status, code) == (422, "mfa_challenge_expired")
    assert text == (
        f"MFA challenge {challenge} has expired, verify against another challenge or create a "
        "new challenge."
    )
    assert await count(plane, "mfa_challenges") == 0


async def test_what_may_be_enrolled(database: HasDatabase) -> None:
    plane = await open_plane(database, replace(OPEN, mfa=MfaSettings(most_enrolled=2)))
    person = await a_person(plane)

    async def enroll_refused(request: Enrolment) -> tuple[int, str, str]:
        return await refused(factors.enroll(plane, person.caller, request, BROWSER))

    await enrolled(person, "one")
    assert await enroll_refused(Enrolment("totp", "one")) == (
        422,
        "mfa_factor_name_conflict",
        'A factor with the friendly name "one" for this user already exists',
    )
    assert await enroll_refused(Enrolment("smoke signals")) == (
        400,
        "validation_failed",
        "factor_type needs to be totp, phone, or webauthn",
    )
    off = {
        "phone": "mfa_phone_enroll_not_enabled",
        "webauthn": "mfa_webauthn_enroll_not_enabled",
    }
    for kind in off:
        status, code, _ = await enroll_refused(Enrolment(kind, phone="123456789"))
        off = {
            "phone": "mfa_phone_enroll_not_enabled",
            "webauthn": "mfa_webauthn_enroll_not_enabled",
        }
        assert (status, code) == (422, off[kind])
    await enrolled(person, "two")
    most = "Maximum number of verified factors reached, unenroll to continue"
    assert await enroll_refused(Enrolment("totp", "three")) == (
        422,
        "too_many_enrolled_mfa_factors",
        most,
    )


async def test_verified_factors_are_counted_too(database: HasDatabase) -> None:
    plane = await open_plane(database, replace(OPEN, mfa=MfaSettings(most_verified=1)))
    person = await a_person(plane)
    granted = await lifted(person, await enrolled(person, "one"))
    person = await Person.of(plane, granted, person.email)
    _, code, _ = await refused(
        factors.enroll(plane, person.caller, Enrolment("totp", "two"), BROWSER)
    )
    assert code == "too_many_enrolled_mfa_factors"


async def test_a_second_factor_takes_the_first(database: HasDatabase) -> None:
    plane = await open_plane(database)
    person = await a_person(plane)
    granted = await lifted(person, await enrolled(person, "one"))
    low = await person_signed_in(plane, person.email)
    assert await refused(factors.enroll(plane, low.caller, Enrolment("totp", "two"), BROWSER)) == (
        403,
        "insufficient_aal",
        "AAL2 required to enroll a new factor",
    )
    high = await Person.of(plane, granted, person.email)
    assert (await enrolled(high, "two")).id


async def test_old_unverified_factors_make_room(database: HasDatabase) -> None:
    plane = await open_plane(database)
    person = await a_person(plane)
    await enrolled(person, "app")
    plane.clock.forward(seconds=299)
    _, code, _ = await refused(
        factors.enroll(plane, person.caller, Enrolment("totp", "app"), BROWSER)
    )
    assert code == "mfa_factor_name_conflict"
    plane.clock.forward(seconds=2)
    await enrolled(person, "app")
    assert await count(plane, "mfa_factors") == 1


async def test_switched_off(database: HasDatabase) -> None:
    plane = await open_plane(database)
    person = await a_person(plane)
    made = await enrolled(person)
    person = await person.again()
    plane.settings = replace(OPEN, mfa=MfaSettings(totp_enroll=False, totp_verify=False))
    assert (await refused(factors.enroll(plane, person.caller, Enrolment("totp"), BROWSER)))[
        :2
    ] == (
        422,
        "mfa_totp_enroll_not_enabled",
    )
    off = (422, "mfa_totp_verify_not_enabled", "MFA verification is disabled for TOTP")
    assert await refused(factors.challenge(plane, person.caller, made.id, BROWSER)) == off
    attempt = Attempt(UNKNOWN, "123456")
    assert await refused(factors.verify(plane, person.caller, made.id, attempt, BROWSER)) == off


async def test_removing_a_factor(database: HasDatabase) -> None:
    plane = await open_plane(database)
    person = await a_person(plane)
    made = await enrolled(person)
    granted = await lifted(person, made)
    low = await person_signed_in(plane, person.email)
    assert await refused(factors.unenroll(plane, low.caller, made.id, BROWSER)) == (
        422,
        "insufficient_aal",
        "AAL2 required to unenroll verified factor",
    )
    high = await Person.of(plane, granted, person.email)
    assert await factors.unenroll(plane, high.caller, made.id.upper(), BROWSER) == made.id
    again_caller = (await high.again()).caller
    assert again_caller.user.factors == ()
    assert again_caller.session is not None
    assert again_caller.session.aal == "aal1"
    assert aal_of(await again(plane, granted.refresh_token)) == "aal1"
    row = await plane.pool.fetchrow(
        "select aal::text, factor_id from auth.sessions where id = $1", granted.session_id
    )
    assert row is not None
    assert tuple(row) == ("aal1", None)
    # Somebody else removed it between our look and our delete.
    assert (await refused(factors.unenroll(plane, high.caller, made.id, BROWSER)))[:2] == (
        404,
        "mfa_factor_not_found",
    )


async def test_an_unverified_factor_goes_without_ceremony(database: HasDatabase) -> None:
    plane = await open_plane(database)
    person = await a_person(plane)
    made = await enrolled(person)
    person = await person.again()
    assert await factors.unenroll(plane, person.caller, made.id, BROWSER) == made.id


async def test_factors_of_others_do_not_exist(database: HasDatabase) -> None:
    plane = await open_plane(database)
    ada, bob = await a_person(plane, "ada@example.com"), await a_person(plane, "bob@example.com")
    made = await enrolled(ada)
    missing = (404, "mfa_factor_not_found", "Factor not found")
    assert await refused(factors.challenge(plane, bob.caller, made.id, BROWSER)) == missing
    assert await refused(factors.unenroll(plane, bob.caller, made.id, BROWSER)) == missing
    assert await refused(factors.unenroll(plane, bob.caller, "x", BROWSER)) == (
        404,
        "validation_failed",
        "factor_id must be an UUID",
    )
    # A challenge of one factor does not serve another.
    hers = (await factors.challenge(plane, (await ada.again()).caller, made.id, BROWSER)).id
    his = await enrolled(bob)
    bob = await bob.again()
    attempt = Attempt(hers, code_of(plane, his.secret))
    error = await refused(factors.verify(plane, bob.caller, his.id, attempt, BROWSER))
    assert error[1] == "mfa_factor_not_found"


async def test_anonymous_users_and_tokens_without_a_session(database: HasDatabase) -> None:
    plane = await open_plane(database)
    guest = await sign_up.sign_up(plane, sign_up.SignUp(), BROWSER)
    caller = await user.authenticate(plane, f"Bearer {guest.access_token}")

    async def permanent() -> None:
        factors.require_permanent(caller)

    assert await refused(permanent()) == (
        403,
        "no_authorization",
        "Anonymous user not allowed to perform these actions",
    )
    person = await a_person(plane)
    loose = replace(person.caller, session=None)
    assert (await refused(factors.enroll(plane, loose, Enrolment("totp"), BROWSER)))[:2] == (
        403,
        "session_not_found",
    )
