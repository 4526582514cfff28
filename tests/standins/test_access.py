"""Who may do what: tokens at the door, roles and row-level security inside, the exact answers."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest

from keyturn.flows.ports.rest import DatabaseAway
from keyturn.jose.jwks import KeySet
from keyturn.jose.jwt import encode
from keyturn.jose.keys import generate

ALICE = "11111111-1111-4111-8111-111111111111"
BOB = "22222222-2222-4222-8222-222222222222"
TABLES = """
create table notes (
  id bigint generated always as identity primary key,
  owner uuid not null default auth.uid(), body text not null
);
alter table notes enable row level security;
create policy own on notes to authenticated
  using (owner = auth.uid()) with check (owner = auth.uid());
create table locked (id int);
revoke all on locked from anon, authenticated;
create function keep(note text) returns void language sql
  as $$ insert into notes (body) values (note) $$;
"""
WHOLE = {"Prefer": "return=representation"}


async def test_two_users(standing: Any) -> None:
    async with standing(TABLES) as stand:
        for user, text in ((ALICE, "hers"), (BOB, "his")):
            made = await stand.ask(
                "POST", "/notes?select=body,owner", role="authenticated", sub=user,
                body={"body": text}, headers=WHOLE,
            )  # fmt: skip
            assert made.json() == [{"body": text, "owner": user}]
        for user, text in ((ALICE, "hers"), (BOB, "his")):
            rows = await stand.rows("/notes?select=body", role="authenticated", sub=user)
            assert rows == [{"body": text}]
        assert len(await stand.rows("/notes", role="service_role")) == 2
        assert await stand.rows("/notes", role=None) == []
        # Neither can touch or claim the other's row.
        theft = await stand.ask(
            "PATCH", "/notes?owner=eq." + BOB, role="authenticated", sub=ALICE,
            body={"body": "x"}, headers=WHOLE,
        )  # fmt: skip
        assert theft.json() == []
        claim = await stand.ask(
            "POST", "/notes", role="authenticated", sub=ALICE, body={"body": "x", "owner": BOB}
        )
        assert (claim.status_code, claim.json()["code"]) == (403, "42501")
        await stand.ask("POST", "/rpc/keep", role="authenticated", sub=BOB, body={"note": "rpc"})
        assert len(await stand.rows("/notes", role="authenticated", sub=BOB)) == 2


async def test_nothing_stays_on_the_connection(standing: Any) -> None:
    left = """select current_user, coalesce(current_setting('request.jwt.claims', true), ''),
      coalesce(current_setting('request.headers', true), ''),
      current_setting('transaction_read_only'), current_setting('statement_timeout')"""
    async with standing(TABLES) as stand:
        clean = list((await stand.pool.fetchrow(left)).values())
        assert clean[:4] == ["authenticator", "", "", "off"]
        for method, path, body in (
            ("GET", "/notes", None),
            ("POST", "/notes", {"body": "x"}),
            ("POST", "/notes", {"body": None}),
            ("GET", "/notes?id=eq.x", None),
            ("POST", "/rpc/keep", {"note": "x"}),
        ):
            await stand.ask(method, path, role="authenticated", sub=ALICE, body=body)
            row = await stand.pool.fetchrow(left)
            assert list(row.values()) == clean, (method, path, body)


async def test_missing_privileges(standing: Any) -> None:
    async with standing(TABLES) as stand:
        for role, status in ((None, 401), ("anon", 401), ("authenticated", 403)):
            refused = await stand.ask("GET", "/locked", role=role)
            assert refused.status_code == status
            assert refused.json() == {
                "code": "42501",
                "message": "permission denied for table locked",
                "details": None,
                "hint": None,
            }


async def test_roles_that_cannot_be_assumed(standing: Any) -> None:
    async with standing(TABLES) as stand:
        ghost = await stand.ask("GET", "/notes", role="ghost")
        assert (ghost.status_code, ghost.json()["code"]) == (401, "22023")
        assert ghost.json()["message"] == 'role "ghost" does not exist'
        for role in ("postgres", "supabase_auth_admin"):
            above = await stand.ask("GET", "/notes", role=role)
            assert (above.status_code, above.json()["code"]) == (403, "42501"), role
        for role in ('anon"; reset role; --', "anon'; drop table notes; --", "a\\'"):
            odd = await stand.ask("GET", "/notes", role=role)
            assert odd.status_code == 401, role
        assert await stand.admin.fetchval("select count(*) from notes") == 0


async def test_tokens_at_the_door(standing: Any) -> None:
    async with standing(TABLES) as stand:
        moment = int(stand.now.timestamp())
        cases: list[tuple[str, int, str, str]] = [
            ("Bearer sb_publishable_abc", 401, "PGRST301", "Expected 3 parts in JWT; got 1"),
            ("Bearer ", 401, "PGRST301", "Empty JWT is sent in Authorization header"),
            (
                f"Bearer {stand.token(exp=moment - 31)}", 401, "PGRST303", "JWT expired",
            ),
            (
                f"Bearer {encode({'role': 'anon'}, generate('ES256', kid='first'))}",
                401, "PGRST301", "No suitable key or wrong key type",
            ),
        ]  # fmt: skip
        for header, status, code, message in cases:
            response = await stand.ask("GET", "/notes", headers={"Authorization": header})
            assert (response.status_code, response.json()["code"]) == (status, code)
            assert response.json()["message"] == message
            challenge = f'Bearer error="invalid_token", error_description="{message}"'
            assert response.headers["www-authenticate"] == challenge
            assert response.headers["proxy-status"] == f"PostgREST; error={code}"
        for header in ("Basic eDp5", stand.token()):
            anonymous = await stand.ask("GET", "/notes", headers={"Authorization": header})
            assert (anonymous.status_code, anonymous.json()) == (200, [])


async def test_a_revoked_key_is_refused_on_the_next_request(standing: Any) -> None:
    async with standing(TABLES) as stand:
        token = {"Authorization": f"Bearer {stand.token('service_role')}"}
        assert (await stand.ask("GET", "/notes", headers=token)).status_code == 200
        stand.keys.append(KeySet([generate("ES256", kid="second").verifying_key()]))
        refused = await stand.ask("GET", "/notes", headers=token)
        assert (refused.status_code, refused.json()["code"]) == (401, "PGRST301")


async def test_a_remembered_token_still_expires(standing: Any) -> None:
    async with standing(TABLES) as stand:
        moment = int(stand.now.timestamp())
        token = {"Authorization": f"Bearer {stand.token(exp=moment + 10)}"}
        assert (await stand.ask("GET", "/notes", headers=token)).status_code == 200
        stand.clock.append(stand.now + timedelta(seconds=41))
        late = await stand.ask("GET", "/notes", headers=token)
        assert (late.status_code, late.json()["message"]) == (401, "JWT expired")


async def test_the_description_is_for_service_role_only(standing: Any) -> None:
    async with standing(TABLES) as stand:
        assert (await stand.ask("GET", "/", role=None)).status_code == 401
        assert (await stand.ask("GET", "/", role="authenticated")).status_code == 403
        whole = await stand.ask("GET", "/")
        document = whole.json()
        assert document["swagger"] == "2.0"
        assert {"/notes", "/locked", "/rpc/keep"} <= set(document["paths"])
        assert document["definitions"]["notes"]["properties"]["owner"]["format"] == "uuid"
        assert (await stand.ask("POST", "/", body={})).status_code == 405


async def test_schemas(standing: Any) -> None:
    sql = (
        "create schema shop; create table shop.orders (id int); insert into shop.orders values (1);"
    )
    sql += "grant usage on schema shop to anon; grant select on shop.orders to anon;"
    async with standing(sql + "create table public.here ()", schemas=("public", "shop")) as stand:
        rows = await stand.ask("GET", "/orders", headers={"Accept-Profile": "shop"}, role=None)
        assert (rows.json(), rows.headers["content-profile"]) == ([{"id": 1}], "shop")
        missing = await stand.ask("GET", "/orders", role=None)
        assert (missing.status_code, missing.json()["code"]) == (404, "PGRST205")
        other = await stand.ask("GET", "/x", headers={"Accept-Profile": "graphql_public"})
        assert (other.status_code, other.json()) == (
            406,
            {
                "code": "PGRST106",
                "message": "Invalid schema: graphql_public",
                "details": None,
                "hint": "Only the following schemas are exposed: public, shop",
            },
        )
        for system in ("auth", "pg_catalog", "keyturn", '"; drop table here; --'):
            hidden = await stand.ask("GET", "/users", headers={"Accept-Profile": system})
            assert hidden.status_code == 406


async def test_a_role_has_its_own_statement_timeout(standing: Any) -> None:
    slow = """create function slow() returns int language plpgsql stable as
      $$ begin perform pg_sleep(20); return 1; end $$;
      alter role anon set statement_timeout = '50ms';"""
    async with standing(slow) as stand:
        try:
            stopped = await stand.ask("GET", "/rpc/slow", role=None)
        finally:
            await stand.admin.execute("alter role anon reset statement_timeout")
        assert (stopped.status_code, stopped.json()["code"]) == (503, "57014")


async def test_new_tables_are_found(standing: Any, eventually: Any) -> None:
    async with standing("create table one (id int)") as stand:
        await stand.admin.execute("create table two (id int); grant select on two to anon")
        await stand.admin.execute("notify pgrst, 'reload schema'")

        async def found() -> bool:
            response: httpx.Response = await stand.ask("GET", "/two", role=None)
            return response.status_code == 200

        await eventually(found)


async def test_a_read_survives_a_broken_connection(standing: Any, eventually: Any) -> None:
    slow = """create function slow() returns int language plpgsql stable as
      $$ begin perform pg_sleep(0.5); return 1; end $$;
      create function slow_write() returns int language plpgsql as
      $$ begin perform pg_sleep(20); return 1; end $$;"""
    kill = """select count(pg_terminate_backend(pid)) from pg_stat_activity
      where usename = 'authenticator' and query like '%slow%' and state = 'active'"""

    async with standing(slow) as stand:

        async def killed() -> bool:
            return bool(await stand.admin.fetchval(kill))

        read = asyncio.create_task(stand.ask("GET", "/rpc/slow"))
        await eventually(killed)
        assert (await read).json() == 1
        write = asyncio.create_task(stand.ask("POST", "/rpc/slow_write"))
        await eventually(killed)
        answer = await write
        assert (answer.status_code, answer.json()["code"]) == (503, "PGRST000")
        assert (await stand.ask("GET", "/rpc/slow")).json() == 1


async def test_a_database_that_is_away(standing: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async with standing(TABLES) as stand:

        async def away(*_arguments: object) -> None:
            raise DatabaseAway

        monkeypatch.setattr(stand.database, "run", away)
        response = await stand.ask("GET", "/notes")
        assert (response.status_code, response.json()["code"]) == (503, "PGRST000")
