"""A look into a database that resembles a Supabase one, and into some that do not."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyturn.adapters.doctor_database import look
from keyturn.adapters.http_probe import free_ports
from keyturn.apikeys import legacy, opaque
from keyturn.doctor.database_keys import READS_SECRET, SIGNS, dependants, public_part
from keyturn.doctor.facts import DatabaseFacts, Dependant, Unknown
from keyturn.errors import UsageError
from keyturn.jose.jwt import encode
from keyturn.jose.keys import generate, signing_key_from_secret
from keyturn.secret import Secret
from keyturn.secret_access import reveal

if TYPE_CHECKING:
    from tests.conftest import Database

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
SHARED = signing_key_from_secret(Secret(os.urandom(32)), kid=None)
SERVICE = reveal(legacy.mint("service_role", SHARED, NOW).secret).decode()
ANON = reveal(legacy.mint("anon", SHARED, NOW).secret).decode()
EC = generate("ES256", kid="k")
SERVICE_ES256 = encode({"role": "service_role"}, EC)
USER = encode({"sub": "u", "role": "authenticated"}, SHARED)
SECRET_KEY = reveal(opaque.mint("secret", os.urandom(17)).secret).decode()
PLAIN = "correct-horse-battery-staple"
EVERY_SECRET = (SERVICE, ANON, SERVICE_ES256, USER, SECRET_KEY, PLAIN)

SUPABASE = f"""
create schema supabase_functions;
create function supabase_functions.http_request() returns trigger language plpgsql
  as $$ begin return new; end $$;
create table public.orders (id int);
create table public.quiet (id int);
create trigger notify_orders after insert on public.orders for each row
  execute function supabase_functions.http_request('http://x/functions/v1/a', 'POST',
  '{{"Content-type":"application/json","Authorization":"Bearer {SERVICE}"}}', '{{}}', '1000');
create trigger notify_by_key after insert on public.orders for each row
  execute function supabase_functions.http_request('http://x', 'POST',
  '{{"Authorization":"Bearer {SECRET_KEY}"}}', '{{}}', '1000');
create trigger well_done after insert on public.orders for each row
  execute function supabase_functions.http_request('http://x', 'POST',
  '{{"apikey":"{SECRET_KEY}"}}', '{{}}', '1000');
create trigger no_credential after insert on public.quiet for each row
  execute function supabase_functions.http_request('http://x', 'GET', '{{}}', '{{}}', '1000');

create schema cron;
create table cron.job (jobid bigint, jobname name, command text, username name default 'postgres');
insert into cron.job values
  (1, 'nightly', $$select net.http_post('http://x', headers := '{{"Authorization": "Bearer '
     || '{SERVICE_ES256}"}}')$$),
  (2, null, $$select net.http_post('http://x', headers := '{{"apikey": "{ANON}"}}')$$),
  (3, 'vacuum', 'vacuum');

create schema vault;
create table vault.secrets (id uuid default gen_random_uuid(), name text, secret text);
create view vault.decrypted_secrets as select id, name, secret as decrypted_secret
  from vault.secrets;
insert into vault.secrets (name, secret) values
  ('service_role', '{SERVICE}'), ('user', '{USER}'), ('stripe', '{PLAIN}');

create schema ext;
create function ext.sign(payload json, secret text, algorithm text default 'HS256') returns text
  language sql as $$ select '' $$;
create function public.token() returns text language sql as
  $$ select ext.sign('{{}}'::json, current_setting('app.settings.jwt_secret', true)) $$;
create function public.direction(n int) returns int language sql as $$ select sign(n)::int $$;
create function public.call() returns text language sql as $$ select 'Bearer {SERVICE}' $$;

create schema _realtime;
create table _realtime.tenants (external_id text, jwt_secret text, jwt_jwks jsonb);
create table _realtime.extensions (tenant_external_id text, type text, settings jsonb);
insert into _realtime.tenants values ('realtime-dev', '{PLAIN}',
  '{{"keys":[{{"kty":"oct","k":"{PLAIN}"}},{{"kty":"EC","kid":"k","d":"{PLAIN}","x":"1"}}]}}'),
  ('old', '{PLAIN}', null);
insert into _realtime.extensions values ('realtime-dev', 'postgres_cdc_rls', '{{}}');
"""


async def prepare(database: Database, sql: str) -> None:
    connection = await asyncpg.connect(reveal(database.dsn).decode())
    try:
        await connection.execute(sql)
    finally:
        await connection.close()


async def seen(dsn: Secret) -> DatabaseFacts:
    facts = await look(dsn)
    assert isinstance(facts, DatabaseFacts)
    return facts


async def test_everything_that_depends_on_keys_is_found_and_classified(database: Database) -> None:
    await prepare(database, SUPABASE)
    facts = await seen(database.dsn)
    assert set(facts.dependants) == {
        Dependant("webhook", "public.orders / trigger notify_orders", "legacy service_role key"),
        Dependant("webhook", "public.orders / trigger notify_by_key", "sb_secret key as Bearer"),
        Dependant("webhook", "public.orders / trigger well_done", "sb_secret key"),
        Dependant("cron", "job nightly", "ES256 token of service_role"),
        Dependant("cron", "job 2", "legacy anon key"),
        Dependant("vault", "secret service_role", "legacy service_role key"),
        Dependant("vault", "secret user", "HS256 token"),
        Dependant("function", "public.call()", "legacy service_role key"),
        Dependant("function", "public.token()", READS_SECRET),
        Dependant("function", "public.token()", SIGNS),
    }
    assert facts.not_looked_at == ()


async def test_no_secret_leaves_the_database(database: Database) -> None:
    await prepare(database, SUPABASE)
    shown = repr(await seen(database.dsn))
    assert all(secret not in shown for secret in EVERY_SECRET)


async def test_realtimes_tenants_without_their_secrets(database: Database) -> None:
    await prepare(database, SUPABASE)
    facts = await seen(database.dsn)
    assert facts.realtime_tenants == ("old", "realtime-dev")
    assert facts.realtime_jwks["old"] is None
    assert json.loads(facts.realtime_jwks["realtime-dev"] or "") == {
        "keys": [{"kty": "oct"}, {"kty": "EC", "kid": "k", "x": "1"}]
    }
    assert facts.realtime_extensions == {"realtime-dev": ("postgres_cdc_rls",)}


async def test_an_older_realtime_has_no_key_sets(database: Database) -> None:
    await prepare(
        database,
        "create schema _realtime; create table _realtime.tenants (external_id text);"
        "insert into _realtime.tenants values ('realtime-dev')",
    )
    facts = await seen(database.dsn)
    assert facts.realtime_jwks == {"realtime-dev": None}
    assert "Realtime has no tables here" in facts.not_looked_at  # its extensions


async def test_settings_of_roles_and_databases(database: Database) -> None:
    name = f"clerk_{database.name}"
    value = '{"keys":[{"kty":"oct","k":"a=b"}]}'
    await prepare(
        database,
        f"""
        create role {name};
        alter role {name} set pgrst.jwt_secret = '{value}';
        alter role {name} in database {database.name} set pgrst.jwt_aud = 'x';
        alter database {database.name} set app.settings.jwt_secret = '{PLAIN}';
        alter role {name} set statement_timeout = '3s';
        """,
    )
    try:
        facts = await seen(database.dsn)
    finally:
        await prepare(database, f"drop role {name}")
    mine = {
        (one.role, one.database, one.name): reveal(one.value).decode() for one in facts.settings
    }
    assert mine == {
        (name, None, "pgrst.jwt_secret"): value,
        (name, database.name, "pgrst.jwt_aud"): "x",
        (None, database.name, "app.settings.jwt_secret"): PLAIN,
    }
    assert PLAIN not in repr(facts)


async def test_what_is_missing_is_said(database: Database) -> None:
    facts = await seen(database.dsn)
    assert facts.dependants == ()
    assert facts.not_looked_at == (
        "pg_cron is not installed",
        "Vault is not installed",
        "Realtime has no tables here",
    )


async def test_what_may_not_be_read_is_said_and_the_rest_is_looked_at(database: Database) -> None:
    await prepare(database, SUPABASE)
    facts = await seen(database.authenticator_dsn)
    assert facts.not_looked_at == (
        "no privilege on cron.job",
        "no privilege on vault.decrypted_secrets",
        "no privilege on _realtime.tenants",
        "no privilege on _realtime.extensions",
    )
    assert {one.kind for one in facts.dependants} == {"webhook", "function"}


async def test_a_policy_that_hides_jobs_is_said(database: Database) -> None:
    await prepare(
        database,
        SUPABASE
        + """
        alter table cron.job enable row level security;
        create policy own on cron.job using (username = current_user);
        grant usage on schema cron to authenticator;
        grant select on cron.job to authenticator;
        """,
    )
    facts = await seen(database.authenticator_dsn)
    assert "cron.job shows this role its own jobs only" in facts.not_looked_at
    assert not [one for one in facts.dependants if one.kind == "cron"]


async def test_a_view_that_never_answers_costs_its_own_answer_only(database: Database) -> None:
    await prepare(
        database,
        """
        create schema vault; create schema cron;
        create table cron.job (jobid bigint, jobname name, command text);
        create view vault.decrypted_secrets as
          select gen_random_uuid() as id, ''::text as name, pg_sleep(60)::text as decrypted_secret;
        """,
    )
    facts = await seen(database.dsn)
    assert "vault.decrypted_secrets took too long to read" in facts.not_looked_at
    assert "pg_cron is not installed" not in facts.not_looked_at


async def test_nothing_can_be_written_by_what_is_read(database: Database) -> None:
    await prepare(
        database,
        f"""
        create schema vault; create table public.trap (n int);
        create function public.spring() returns text language plpgsql
          as $$ begin insert into public.trap values (1); return '{SERVICE}'; end $$;
        create view vault.decrypted_secrets as
          select gen_random_uuid() as id, 'x'::text as name, public.spring() as decrypted_secret;
        """,
    )
    facts = await seen(database.dsn)
    assert any("vault.decrypted_secrets could not be read" in one for one in facts.not_looked_at)
    assert SERVICE not in repr(facts)
    connection = await asyncpg.connect(reveal(database.dsn).decode())
    assert await connection.fetchval("select count(*) from public.trap") == 0
    await connection.close()


async def test_names_in_the_database_cannot_break_a_report(database: Database) -> None:
    await prepare(
        database,
        f"""
        create schema cron;
        create table cron.job (jobid bigint, jobname text, command text);
        insert into cron.job values (1, E'\\x1b[31m {SERVICE}\\n' || repeat('x', 999), '{SERVICE}');
        """,
    )
    (only,) = (await seen(database.dsn)).dependants
    assert len(only.name) <= 200
    assert only.name.isprintable()
    assert SERVICE not in only.name


async def test_an_address_where_nobody_listens() -> None:
    port = free_ports(1)[0]
    facts = await look(Secret(f"postgresql://me:hunter2@127.0.0.1:{port}/postgres"))
    assert isinstance(facts, Unknown)
    assert "could not be reached" in facts.reason
    assert "hunter2" not in facts.reason


async def test_a_database_that_is_not_there(database: Database) -> None:
    facts = await look(Secret(reveal(database.dsn).decode().replace(database.name, "nowhere")))
    assert isinstance(facts, Unknown)
    assert "no database of that name" in facts.reason


@pytest.mark.parametrize("text", ["mysql://h/d", "host=127.0.0.1 password=hunter2", ""])
async def test_what_is_no_address_is_a_usage_error(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        await look(Secret(text))
    assert "hunter2" not in caught.value.message


async def test_an_address_that_cannot_be_read_is_not_repeated() -> None:
    facts = await look(Secret("postgresql://me:hunter2@127.0.0.1:notaport/x"))
    assert isinstance(facts, Unknown)
    assert "hunter2" not in facts.reason


@given(st.text())
def test_no_text_crashes_the_classification(text: str) -> None:
    assert dependants("cron", text, text) == []
    assert public_part(text) is None or "keys" in text


def test_the_same_credential_twice_is_one_row() -> None:
    found = dependants("cron", "job", f"{ANON} {ANON} 'Bearer ' || '{SECRET_KEY}'")
    assert [one.credential for one in found] == ["legacy anon key", "sb_secret key as Bearer"]
