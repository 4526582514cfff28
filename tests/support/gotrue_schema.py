"""A database as some GoTrue left it: schema `auth` of an age, and nothing of ours.

The newest shape is that of migrations 0003 and 0004, which tests/postgres/test_auth_schema.py
compares with GoTrue's; what GoTrue added after an age is taken away again, what it will add later
is put on.
"""

from __future__ import annotations

from typing import Any, Final, Protocol

from keyturn.accounts.auth_schema import LATER
from keyturn.adapters.postgres.pool import Pool
from keyturn.secret import Secret

OCTOBER_2024: Final = "20241009103726"
OCTOBER_2025: Final = "20251007112900"
NEWEST_KNOWN: Final = "20260625000000"
AGES: Final = (OCTOBER_2024, OCTOBER_2025, NEWEST_KNOWN, "newer")

CONTEXT_IN_FLOWS: Final = "20260115000000"

# What came later and nothing in Keyturn depends on.
_ALSO_LATER: Final = (
    ("sso_providers.disabled", "20250717082212"),
    ("mfa_factors.last_webauthn_challenge_data", "20250925093508"),
    ("oauth_client_states", "20251201000000"),
    ("flow_state.referrer", CONTEXT_IN_FLOWS),
    ("flow_state.oauth_client_state_id", CONTEXT_IN_FLOWS),
    ("flow_state.invite_token", CONTEXT_IN_FLOWS),
    ("flow_state.linking_target_id", CONTEXT_IN_FLOWS),
    ("flow_state.email_optional", CONTEXT_IN_FLOWS),
    ("custom_oauth_providers.custom_claims_allowlist", NEWEST_KNOWN),
)
_NEWER: Final = """
    alter type auth.factor_type add value 'recovery_code';
    alter table auth.one_time_tokens add column expires_at timestamptz;
    alter table auth.users add column something_new text default 'x';
    create table auth.scim_users (
        id uuid primary key,
        sso_provider_id uuid not null references auth.sso_providers on delete cascade,
        user_id uuid references auth.users on delete set null,
        resource jsonb not null);
    insert into auth.schema_migrations values ('20260821000000'), ('20260831180000')
"""
_SHAPE: Final = """
    select 'column' as kind, c.relname || '.' || a.attname as name,
           concat_ws(' ', format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attgenerated,
                     pg_get_expr(d.adbin, d.adrelid)) as what
      from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0
      left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
     where c.relnamespace = 'auth'::regnamespace and not a.attisdropped
    union all
    select 'relation', c.relname,
           concat(c.relkind, c.relrowsecurity, c.relacl)
      from pg_class c where c.relnamespace = 'auth'::regnamespace
    union all
    select 'constraint', conrelid::regclass || '.' || conname, pg_get_constraintdef(oid)
      from pg_constraint where connamespace = 'auth'::regnamespace
    union all
    select 'trigger', t.tgrelid::regclass || '.' || tgname, pg_get_triggerdef(t.oid)
      from pg_trigger t join pg_class c on c.oid = t.tgrelid
     where c.relnamespace = 'auth'::regnamespace and not t.tgisinternal
    union all
    select 'function', p.oid::regprocedure::text, md5(pg_get_functiondef(p.oid))
      from pg_proc p where p.pronamespace = 'auth'::regnamespace
    union all
    select 'type', t.typname, coalesce((select string_agg(e.enumlabel, ',' order by e.enumsortorder)
                                          from pg_enum e where e.enumtypid = t.oid), '')
      from pg_type t where t.typnamespace = 'auth'::regnamespace
    union all
    select 'version', version, '' from auth.schema_migrations
    union all
    select 'schema', nspname, coalesce(nspacl::text, '') from pg_namespace where nspname = 'auth'
    union all
    select 'depends', classid::regclass || ' ' || objid, refobjid::regclass::text
      from pg_depend
     where refclassid = 'pg_class'::regclass and classid = 'pg_rewrite'::regclass
       and refobjid in (select oid from pg_class where relnamespace = 'auth'::regnamespace)
    order by 1, 2, 3
"""


class HasDatabase(Protocol):
    """The part of the ``database`` fixture that is used here."""

    name: str

    @property
    def dsn(self) -> Secret: ...

    async def pool(self, dsn: Any = None, **options: Any) -> Pool: ...


async def as_gotrue_left_it(database: HasDatabase, age: str = NEWEST_KNOWN) -> Pool:
    """Turn a migrated database into that of a GoTrue; returns a superuser's pool."""
    admin = await database.pool(database.dsn, size=2)
    await admin.execute("drop schema keyturn cascade")
    # supabase/postgres lets its auth role make schemas.
    await admin.execute(f"grant create on database {database.name} to supabase_auth_admin")
    if age == "newer":
        # One by one: a new label of a type cannot be used in the transaction that adds it.
        for statement in _NEWER.split(";"):
            await admin.execute(statement)
        return admin
    later = [*((row.name, row.since) for row in LATER), *_ALSO_LATER]
    for name, since in later:
        table, _, column = name.partition(".")
        if since > age and column:
            await admin.execute(f"alter table if exists auth.{table} drop column {column} cascade")
        elif since > age:
            await admin.execute(f"drop table auth.{table} cascade")
    if age < CONTEXT_IN_FLOWS:
        for column in ("auth_code", "code_challenge", "code_challenge_method"):
            await admin.execute(f"alter table auth.flow_state alter column {column} set not null")
    await admin.execute("delete from auth.schema_migrations where version > $1", age)
    return admin


async def shape_of_auth(admin: Pool) -> list[tuple[str, str, str]]:
    """Return everything in the catalogue that belongs to schema `auth`."""
    return [tuple(row) for row in await admin.fetch(_SHAPE)]
