"""Where a deployment is on the way to ES256, and everything that still hangs on the old secret."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.doctor.broken_running import stored
from tests.doctor.case import facts_of, jwt_jwks, jwt_keys, phase_3
from tests.support import deployment_documents as documents
from tests.support.deployments import (
    JWKS_SETTINGS,
    NOW,
    Deployment,
    api_claims,
    compact,
    healthy,
    hs256,
)

from keyturn.deploy.inventory import Layout
from keyturn.doctor.dependants import Item
from keyturn.doctor.facts import Dependant, LogFacts
from keyturn.doctor.readiness import Readiness, readiness


def looked_at(made: Deployment, **seen: object) -> Readiness:
    """Read the folder and return its readiness."""
    return readiness(facts_of(made.inventory(), **seen))  # type: ignore[arg-type]


def whats(items: tuple[Item, ...]) -> str:
    """Return the items as one text."""
    return "\n".join(one.what for one in items)


def commented(made: Deployment, *services: str) -> Deployment:
    """Take the key lines of these services back."""
    for service, name in JWKS_SETTINGS:
        if service in services:
            made.comment_setting(service, name)
    return made


@pytest.mark.parametrize("era", ["2023-kong", "2025-kong", "2026-kong", "2026-envoy"])
def test_legacy_only(era: str, tmp_path: Path) -> None:
    found = looked_at(healthy(tmp_path, era, asymmetric=False))
    assert (found.phase, found.next, found.split) == ("0", "1", ())
    assert "no key pair yet" in whats(found.blockers)
    too_old = "Too old for asymmetric keys: auth 2.40.1 (needs 2.157.0)" in whats(found.blockers)
    assert too_old == (era == "2023-kong")


def test_a_verifier_that_only_waits_for_the_keys_is_not_in_the_way(tmp_path: Path) -> None:
    found = looked_at(healthy(tmp_path, asymmetric=False))
    assert {one.service for one in found.blockers} == {None, "realtime", "storage", "functions"}


def test_dual_verification(tmp_path: Path) -> None:
    made = commented(healthy(tmp_path), "auth")
    found = looked_at(made)
    assert (found.phase, found.next) == ("1", "2")
    assert whats(found.blockers) == "Auth still signs HS256: GOTRUE_JWT_KEYS of auth is not given"
    place = found.blockers[0].place
    assert place is not None
    assert "#GOTRUE_JWT_KEYS" in made.text(place.file).splitlines()[place.line - 1]


def test_dual_verification_with_a_standby_in_auth(tmp_path: Path) -> None:
    made = healthy(tmp_path)
    jwt_keys(
        lambda keys: [
            keys[0] | {"key_ops": ["verify"]},
            keys[1],
            keys[2] | {"key_ops": ["sign", "verify"]},
        ]
    )(made)
    found = looked_at(made)
    assert found.phase == "1"
    assert "signs HS256" in whats(found.blockers)


def test_a_closed_route_to_the_jwks_is_a_remark_and_stops_nothing(tmp_path: Path) -> None:
    made = commented(healthy(tmp_path, "2026-kong"), "auth")
    assert looked_at(made).remarks == ()
    made.rewrite("volumes/api/kong.yml", lambda text: text.replace(".well-known/jwks.json", "keys"))
    found = looked_at(made)
    assert whats(found.blockers) == "Auth still signs HS256: GOTRUE_JWT_KEYS of auth is not given"
    assert whats(found.remarks) == "The gateway has no open route to the JWKS"
    assert not found.remarks[0].blocks
    assert found.as_dict()["remarks"] == [found.remarks[0].as_dict()]


def test_switched(tmp_path: Path) -> None:
    found = looked_at(healthy(tmp_path))
    assert (found.phase, found.next, found.split) == ("2", "3", ())
    assert found.blockers
    assert all(one.blocks for one in found.blockers)


def test_done(tmp_path: Path) -> None:
    found = looked_at(phase_3(healthy(tmp_path)))
    assert (found.phase, found.next, found.blockers) == ("3", None, ())
    assert [one for one in found.dependants if one.blocks] == []


def test_some_verifiers_know_the_keys_before_auth_signs(tmp_path: Path) -> None:
    found = looked_at(commented(healthy(tmp_path), "auth", "storage"))
    assert (found.phase, found.next) == ("between", "1")
    assert found.split[1] == "storage verify HS256 only."


def test_split_brain_when_auth_signs_what_storage_cannot_read(tmp_path: Path) -> None:
    found = looked_at(commented(healthy(tmp_path), "storage"))
    assert (found.phase, found.next) == ("between", "2")
    assert found.split == ("Auth signs ES256.", "storage cannot verify that.")
    assert "storage has no key pair in JWT_JWKS" in whats(found.blockers)


def test_split_brain_when_only_postgrest_forgot_the_secret(tmp_path: Path) -> None:
    made = healthy(tmp_path)
    jwt_jwks(lambda keys: keys.__delitem__(2))(made)
    found = looked_at(made)
    assert (found.phase, found.next) == ("between", "3")
    assert found.split[1] == "rest refuse it."


def test_a_cluster_gets_no_lines_of_a_compose_file(tmp_path: Path) -> None:
    made = commented(healthy(tmp_path), "storage")
    exported = replace(made.inventory(), layout=Layout.KUBERNETES)
    (blocker,) = readiness(facts_of(exported)).blockers
    assert blocker.instead.startswith("JWT_JWKS from a Secret")


def test_a_broken_key_set_is_said_to_be_broken(tmp_path: Path) -> None:
    made = healthy(tmp_path)
    found = looked_at(made.set("JWT_JWKS", made.keys.jwt_jwks + "}"))
    assert "storage cannot read its JWT_JWKS" in whats(found.blockers)
    assert {one.place.file for one in found.blockers if one.place} == {".env"}


def test_an_old_main_script_counts_when_it_verifies(tmp_path: Path) -> None:
    made = healthy(tmp_path)
    made.write("volumes/functions/main/index.ts", documents.MAIN_HS256)
    assert looked_at(made).phase == "between"
    assert looked_at(made.set("FUNCTIONS_VERIFY_JWT", "false")).phase == "2"


def test_every_row_of_the_reference_is_seen(tmp_path: Path) -> None:
    """Rows 1, 2, 4 to 18 of services.md §10 in one deployment; 3 and 19 have their own tests."""
    made = healthy(tmp_path, "2026-kong")
    made.add_service("backend", "image: me/backend:1\nenvironment:\n  SECRET: ${JWT_SECRET}")
    job = Dependant("cron", "nightly", "legacy service_role key")
    new = Dependant("webhook", "public.orders", "sb_secret key")
    found = looked_at(made, **stored(dependants=(job, new))(made))
    assert "public.orders" not in whats(found.dependants)
    rows = {one.row for one in found.dependants}
    assert rows == {1, 2, *range(4, 19)}
    assert "cron nightly: legacy service_role key" in whats(found.blockers)


def test_postgrest_with_the_plain_secret_and_demo_keys(tmp_path: Path) -> None:
    made = healthy(tmp_path, "2025-kong")
    demo = api_claims("anon") | {"iss": "supabase-demo", "exp": 1799535600}
    made.set("ANON_KEY", hs256(demo, made.keys.jwt_secret))
    rows = {one.row for one in looked_at(made).dependants}
    assert {3, 19} <= rows


def test_what_was_not_looked_at_is_said_and_blocks_nothing(tmp_path: Path) -> None:
    found = looked_at(healthy(tmp_path))
    unseen = [one for one in found.dependants if "not looked at" in one.what]
    assert [one.row for one in unseen] == [16, 17]
    assert not any(one.blocks for one in unseen)


def test_an_access_log_says_who_still_sends_legacy_keys(tmp_path: Path) -> None:
    logs = LogFacts(NOW, NOW, 10, 0, credentials={"anon legacy": 7, "publishable": 3})
    found = looked_at(healthy(tmp_path), logs=logs)
    assert "7 requests in the access log carried: anon legacy" in whats(found.blockers)


def test_a_url_signing_key_of_storage_is_no_legacy_key(tmp_path: Path) -> None:
    made = phase_3(healthy(tmp_path))
    url_key = {"kty": "oct", "kid": "storage-url-1", "k": made.keys.oct["k"], "alg": "HS256"}
    public = [made.keys.ec.jwk(private=False), made.keys.standby.jwk(private=False), url_key]
    value = {"keys": public, "urlSigningKey": url_key}
    made.set_setting("storage", "JWT_JWKS", f"'{compact(value)}'")
    assert looked_at(made).phase == "3"


def test_items_name_places_and_no_secret(tmp_path: Path) -> None:
    made = healthy(tmp_path)
    shown = str(looked_at(made).as_dict())
    assert {"phase", "next", "blockers", "dependants"} <= looked_at(made).as_dict().keys()
    keys = made.keys
    for secret in (keys.jwt_secret, keys.anon, keys.service_role, keys.secret, keys.oct["k"]):
        assert secret not in shown
    blockers = looked_at(made).blockers
    assert [one.what for one in blockers if one.place is None and one.row != 17] == []
