"""`keyturn serve --takeover-check` on databases that GoTrues of several ages left."""

from __future__ import annotations

import asyncio
import json
import re
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import CliRunner
from tests.dropin.test_ages import (
    COLUMN_KEY,
    HASHES,
    SECRET,
    gotrue_session,
    gotrue_token,
    gotrue_user,
)
from tests.factors.test_encrypted_columns import sealed_as_gotrue
from tests.support.gotrue_schema import (
    AGES,
    NEWEST_KNOWN,
    OCTOBER_2024,
    as_gotrue_left_it,
    shape_of_auth,
)

from keyturn.accounts.takeover import Level
from keyturn.adapters.postgres.errors import DatabaseUnreachable
from keyturn.cli.main import cli
from keyturn.jose.keys import generate, private_jwk
from keyturn.secret_access import reveal
from keyturn.wiring.takeover import TakeoverReport, check

# What the compose file of self-hosted Supabase gives its auth service.
COMPOSE = {
    "GOTRUE_API_HOST": "0.0.0.0",
    "GOTRUE_API_PORT": "9999",
    "API_EXTERNAL_URL": "http://localhost:8000",
    "GOTRUE_DB_DRIVER": "postgres",
    "GOTRUE_SITE_URL": "http://localhost:3000",
    "GOTRUE_JWT_ADMIN_ROLES": "service_role",
    "GOTRUE_JWT_AUD": "authenticated",
    "GOTRUE_JWT_DEFAULT_GROUP_NAME": "authenticated",
    "GOTRUE_JWT_EXP": "3600",
    "GOTRUE_JWT_SECRET": SECRET,
    "GOTRUE_EXTERNAL_EMAIL_ENABLED": "true",
    "GOTRUE_MAILER_AUTOCONFIRM": "false",
    "GOTRUE_SMTP_HOST": "mail",
}


def given(database: Any, tmp_path: Any, **more: str) -> dict[str, str]:
    dsn = reveal(database.auth_dsn).decode()
    own = {"GOTRUE_DB_DATABASE_URL": dsn, "KEYTURN_DATA_DIR": str(tmp_path)}
    return {**COMPOSE, **own, **more}


def found(report: TakeoverReport, topic: str, pattern: str) -> str:
    """Return the level of the one remark of ``topic`` that ``pattern`` is found in."""
    fits = [r for r in report.remarks if r.topic == topic and re.search(pattern, r.text)]
    assert len(fits) == 1, [(r.topic, r.text) for r in report.remarks]
    return fits[0].level.value


@pytest.mark.parametrize("age", AGES)
async def test_an_ordinary_deployment_goes_on(age: str, database: Any, tmp_path: Any) -> None:
    admin = await as_gotrue_left_it(database, age)
    user_id = await gotrue_user(admin, "ada@a.test", HASHES["argon2"])
    await gotrue_token(admin, user_id, await gotrue_session(admin, user_id), "abcdefghijkl")
    before = await shape_of_auth(admin)
    report = await check(given(database, tmp_path))
    assert report.same, [r for r in report.remarks if r.level != "carries_over"]
    assert found(report, "passwords", "1 argon2") == "carries_over"
    assert found(report, "sessions", "1 version 1") == "carries_over"
    assert found(report, "signing keys", "GOTRUE_JWT_SECRET goes on signing") == "carries_over"
    newer = any("auth.scim_users is newer" in r.text for r in report.remarks)
    assert newer == (age == "newer")
    off = any("no place for the OAuth server" in r.text for r in report.remarks)
    assert off == (age not in (NEWEST_KNOWN, "newer"))
    assert await admin.fetchval("select to_regnamespace('keyturn') is null")
    assert await shape_of_auth(admin) == before


async def test_what_would_differ(database: Any, tmp_path: Any) -> None:
    admin = await as_gotrue_left_it(database, "newer")
    odd = await gotrue_user(admin, "odd@a.test", "md5$nothing")
    await admin.execute(
        "insert into auth.identities (provider_id, user_id, identity_data, provider)"
        " values ('7', $1, '{}', 'sso:1')",
        odd,
    )
    await admin.execute(
        "insert into auth.mfa_factors (id, user_id, factor_type, status, created_at, updated_at,"
        " friendly_name, secret) values (gen_random_uuid(), $1, 'recovery_code', 'verified', now(),"
        " now(), '', '')",
        odd,
    )
    environment = given(database, tmp_path, GOTRUE_SAML_ENABLED="true", GOTRUE_JTW_EXP="60")
    del environment["GOTRUE_JWT_AUD"]
    del environment["GOTRUE_JWT_SECRET"]
    report = await check(environment)
    assert report.count(Level.BLOCKS) == 0
    for topic, pattern in (
        ("passwords", "^1 accounts have a password hash that is none"),
        ("factors", "1 verified factors are of type recovery_code"),
        ("providers", "1 users have an identity of sso:1"),
        ("settings", "GOTRUE_SAML_ENABLED changes nothing here"),
        ("settings", "GOTRUE_JTW_EXP is not known; perhaps GOTRUE_JWT_EXP"),
        ("settings", "GOTRUE_JWT_AUD is not set"),
        ("signing keys", "every token in circulation is refused"),
    ):
        assert found(report, topic, pattern) == "differs"


async def test_what_has_to_be_put_right_first(database: Any, tmp_path: Any) -> None:
    admin = await as_gotrue_left_it(database, OCTOBER_2024)
    user_id = str(uuid.uuid4())
    await gotrue_user(admin, "ada@a.test", sealed_as_gotrue(user_id, "$2a$x"), user_id)
    await admin.execute("alter table auth.users add column must text not null default ''")
    await admin.execute("alter table auth.users alter column must drop default")
    await admin.execute(
        "revoke create on database " + database.name + " from supabase_auth_admin;"
        "create function public.hook(event jsonb) returns jsonb language sql as 'select event';"
        "revoke execute on function public.hook from public"
    )
    report = await check(
        given(
            database,
            tmp_path,
            GOTRUE_OAUTH_SERVER_ENABLED="true",
            GOTRUE_HOOK_SEND_SMS_ENABLED="true",
            GOTRUE_HOOK_SEND_SMS_URI="pg-functions://postgres/public/hook",
            GOTRUE_HOOK_SEND_EMAIL_ENABLED="true",
            GOTRUE_HOOK_SEND_EMAIL_URI="pg-functions://postgres/public/no_hook",
            GOTRUE_JWT_KEYS="[]]",
        )
    )
    for topic, pattern in (
        ("role", "may not create schema keyturn"),
        ("encryption", "the configured keys do not open a sample"),
        ("schema", "auth.users.must is newer .* has to be given with every row"),
        ("schema", "GOTRUE_OAUTH_SERVER_ENABLED=true needs auth.oauth_clients"),
        ("hooks", "send_sms names public.hook, which role supabase_auth_admin may not call"),
        ("hooks", "send_email names public.no_hook, and there is no such function"),
        ("signing keys", "GOTRUE_JWT_KEYS is not JSON"),
    ):
        assert found(report, topic, pattern) == "blocks"
    keys = {"GOTRUE_SECURITY_DB_ENCRYPTION_DECRYPTION_KEYS": COLUMN_KEY}
    opened = await check(given(database, tmp_path, **keys))
    assert found(opened, "encryption", "a sample was opened") == "carries_over"


async def test_values_that_cannot_be_read_do_not_hide_the_database(
    database: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    await as_gotrue_left_it(database)
    environment = given(database, tmp_path, GOTRUE_JWT_EXP="soon")
    monkeypatch.setenv("GOTRUE_DB_DATABASE_URL", environment["GOTRUE_DB_DATABASE_URL"])
    report = await check(environment)
    assert found(report, "settings", "GOTRUE_JWT_EXP") == "blocks"
    assert found(report, "role", "Connected as supabase_auth_admin") == "carries_over"


async def test_a_ring_that_is_there_is_compared(
    database: Any, tmp_path: Any, open_server: Any
) -> None:
    await as_gotrue_left_it(database)
    key = private_jwk(generate("ES256", kid="theirs"), key_ops=("sign",))
    keys = f"[{reveal(key).decode()}]"
    first = await check(given(database, tmp_path, GOTRUE_JWT_KEYS=keys))
    assert found(first, "signing keys", "ES256 key theirs goes on signing") == "carries_over"
    async with open_server():
        pass
    later = await check(given(database, tmp_path, GOTRUE_JWT_KEYS=keys))
    assert found(later, "signing keys", "^The ring in this database signs with") == "carries_over"
    assert found(later, "signing keys", "Key theirs of GOTRUE_JWT_KEYS is not in") == "differs"
    assert found(later, "signing keys", "GOTRUE_JWT_SECRET is not in the ring") == "differs"


async def test_triggers_are_listed_in_their_order(database: Any, tmp_path: Any) -> None:
    admin = await as_gotrue_left_it(database)
    await admin.execute(
        "create function public.made() returns trigger language plpgsql as 'begin return new; end';"
        "create trigger b after insert on auth.users for each row execute function public.made();"
        "create trigger a after insert on auth.users for each row execute function public.made();"
        "alter table auth.users disable trigger b"
    )
    report = await check(given(database, tmp_path))
    listed = r"a \(public.made\), b \(public.made, disabled\)"
    assert found(report, "triggers", listed) == "carries_over"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda url, name: url.replace(name, "not_there"), "there is no such database"),
        (lambda url, name: url.replace("supabase_auth_admin:", "nobody:"), "no such role"),
        (lambda url, name: "postgres://127.0.0.1:1/none", "nobody listens at its address"),
        (lambda url, name: url.replace("host=", "host=%2Felsewhere"), "its socket is not there"),
        (lambda url, name: "postgres://localhost:port/none", "URL cannot be read"),
    ],
)
async def test_a_database_that_refuses(
    database: Any, tmp_path: Any, change: Callable[[str, str], str], said: str
) -> None:
    environment = given(database, tmp_path)
    url = environment["GOTRUE_DB_DATABASE_URL"]
    environment["GOTRUE_DB_DATABASE_URL"] = change(url, database.name)
    with pytest.raises(DatabaseUnreachable, match=said) as refused:
        await check(environment)
    assert url.partition("@")[0].rpartition(":")[2] not in refused.value.message


def test_the_command(database: Any, tmp_path: Any) -> None:
    environment = given(database, tmp_path, GOTRUE_SAML_ENABLED="true")
    asyncio.run(_left(database))
    run = CliRunner()
    told = run.invoke(cli, ["serve", "--takeover-check"], env=environment)
    assert told.exit_code == 1, told.output
    assert "Would differ (1)\n  settings      GOTRUE_SAML_ENABLED changes nothing" in told.output
    assert "You can switch: 1 thing would differ. Nothing was written.\n" in told.output
    assert SECRET not in told.output
    assert max(map(len, told.output.splitlines())) <= 80
    as_json = run.invoke(cli, ["serve", "--takeover-check", "--json"], env=environment)
    report = json.loads(as_json.stdout)
    assert (report["schema_version"], report["blocks"], report["differs"]) == (1, 0, 1)
    assert report["remarks"][0]["topic"] == "settings"
    del environment["GOTRUE_SAML_ENABLED"]
    fine = run.invoke(cli, ["serve", "--takeover-check"], env=environment)
    assert fine.exit_code == 0
    assert "You can switch: nothing would differ. Nothing was written.\n" in fine.output
    broken = {**environment, "GOTRUE_JWT_KEYS": "[]]"}
    stops = run.invoke(cli, ["serve", "--takeover-check"], env=broken)
    assert stops.exit_code == 1
    assert stops.output.startswith("Has to be put right first (1)\n  signing keys  ")
    assert "Not yet: 1 thing to put right first" in stops.output
    gone = {**environment, "GOTRUE_DB_DATABASE_URL": "postgres://127.0.0.1:1/none"}
    assert run.invoke(cli, ["serve", "--takeover-check"], env=gone).exit_code == 4
    assert run.invoke(cli, ["serve", "--json"], env=environment).exit_code == 2


async def _left(database: Any) -> None:
    try:
        await as_gotrue_left_it(database)
    finally:
        await database.aclose()
