"""Malformed and hostile requests: PostgREST's error shape, never a 5xx, never another table."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from urllib.parse import quote

import httpx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

TABLES = """
create table things (id int primary key, name text, data jsonb, tags text[],
  kin int references things);
create table "odd ""; drop table things; --" ("we"";ird col" int, "a.b" int, "Ünï" text);
create table secrets (id int, word text);
insert into things values (1, 'one', '{"a":[1]}', '{x}', null), (2, 'two', null, null, 1);
insert into "odd ""; drop table things; --" values (5, 6, 'ü');
insert into secrets values (1, 'SWORDFISH');
revoke all on secrets from anon, authenticated;
grant all on things, "odd ""; drop table things; --" to anon;
create function give(a int, b text default '') returns setof things language sql stable
  as $$ select * from things where id = a $$;
"""
INJECTIONS = (
    "'",
    '"',
    "'; drop table things; --",
    '"; drop table things; --',
    "1 or 1=1",
    "1)) union select 1,word,null,null,null from secrets --",
    "$1",
    "\\",
    "%00",
    "\x00",
    "*/",
    "/*",
    "::text",
    "{",
    "}",
    "(",
    ")",
    ".",
    ",",
    "->",
    "->>",
    "null",
    "é\u202e",
    "𝔘",
    "a" * 5000,
)


def checked(response: httpx.Response) -> None:
    """Not a 5xx, an error body of four members, and nothing of the secret table."""
    assert response.status_code < 500, response.text
    assert "SWORDFISH" not in response.text
    if response.status_code >= 400:
        assert set(response.json()) == {"code", "message", "details", "hint"}


async def test_injections_everywhere(standing: Any) -> None:
    places = (
        "/{}", "/rpc/{}", "/things?select={}", "/things?select=id::{}", "/things?select={}:id",
        "/things?select=data->{}", "/things?select=id,{}(id)", "/things?select=id,things!{}(id)",
        "/things?{}=eq.1", "/things?id={}", "/things?id=eq.{}", "/things?name=eq.{}",
        "/things?id=in.({})", "/things?name=like.{}", "/things?name=match.{}",
        "/things?data=cs.{}", "/things?tags=ov.{}", "/things?name=fts({}).x", "/things?name=fts.{}",
        "/things?order={}", "/things?order=id.{}", "/things?order=data->{}", "/things?limit={}",
        "/things?offset={}", "/things?or={}", "/things?or=({})", "/things?and=(id.eq.{})",
        "/things?{}.id=eq.1", "/things?name=eq(any).{}", "/rpc/give?a={}", "/rpc/give?a=1&{}=1",
        "/rpc/give?a=1&b={}", "/things?on_conflict={}", "/things?columns={}",
    )  # fmt: skip
    async with standing(TABLES) as stand:
        for place in places:
            for text in INJECTIONS:
                path = place.replace("{}", quote(text, safe=""))
                checked(await stand.ask("GET", path, role=None))
        for text in INJECTIONS:
            encoded = quote(text, safe="")
            for path, body in (
                (f"/things?columns={encoded}", {"id": 9}),
                (f"/things?on_conflict={encoded}", {text: 9}),
                ("/rpc/give", {"a": text, "b": text}),
            ):
                checked(await stand.ask("POST", path, role=None, body=body))
            plain = text.encode("ascii", "ignore").decode().replace("\x00", "")
            for name in ("Accept", "Prefer", "Range", "Accept-Profile", "Cookie", "X-Odd"):
                checked(await stand.ask("GET", "/things", role=None, headers={name: plain}))
        assert await stand.admin.fetchval("select count(*) from things where id < 9") == 2
        assert await stand.admin.fetchval("select count(*) from secrets") == 1


async def test_hostile_names_work_as_names(standing: Any) -> None:
    async with standing(TABLES) as stand:
        table = quote('odd "; drop table things; --', safe="")
        column = quote('"we\\";ird col"', safe="")
        rows = await stand.rows(f"/{table}?select={column},{quote('Ünï')}&{column}=eq.5", role=None)
        assert rows == [{'we";ird col': 5, "Ünï": "ü"}]
        dotted = await stand.rows(f"/{table}?select=%22a.b%22&%22a.b%22=eq.6", role=None)
        assert dotted == [{"a.b": 6}]
        alias = quote('"x"", (select word from secrets) as ""y":id', safe="")
        checked(await stand.ask("GET", f"/things?select={alias}", role=None))


async def test_absurd_sizes(standing: Any) -> None:
    deep = "(" * 300
    cases = [
        "/things?or=" + "(or" * 60 + deep,
        "/things?select=" + "things(" * 100,
        "/things?select=id" + ",id" * 3000,
        "/things?id=in.(" + ",".join(["1"] * 20_000) + ")",
        "/things?select=data" + "->a" * 2000,
        "/things?" + "&".join(["id=gt.0"] * 900),
        "/things?" + "&".join(["id=gt.0"] * 1100),
        "/things?limit=" + "9" * 5000,
        "/things?offset=99999999999999999999999&limit=-0",
        "/things?select=data->" + "9" * 30,
        "/" + "a" * 60_000,
        "//things",
        "/things/1",
        "/rpc/",
        "/rpc/give/1",
    ]
    async with standing(TABLES) as stand:
        for path in cases:
            checked(await stand.ask("GET", path, role=None))
        for body in (
            b'{"a":' * 5000,
            b"[" * 5000 + b"]" * 5000,
            b'{"id":1e999999}',
            b'{"a":"\\ud800"}',
        ):
            checked(await stand.ask("POST", "/things", role=None, body=body))
            checked(await stand.ask("POST", "/rpc/give", role=None, body=body))


FRAGMENTS = st.sampled_from(
    ["id", "name", "data", "tags", "kin", "things", "eq", "in", "is", "not", "or", "and", "null",
     "like", "fts", "cs", "any", "select", "order", "limit", "desc", "nullsfirst", "inner", "count",
     ".", ",", "(", ")", "{", "}", ":", "::", "->", "->>", "!", "*", "...", '"', "\\", "=", "&",
     "%", "%2", "%ff", "+", "1", "-1", "text", "int4", "$", "#", "\x7f", "é"]
)  # fmt: skip
MASH = st.lists(FRAGMENTS, max_size=14).map("".join)
NAMES = st.sampled_from(
    ["id", "name", "data->a", "tags", "kin", "nope", "things.id", "kin.limit", "a", "b"]
)
OPERATORS = st.sampled_from(
    ["eq", "neq", "gt", "not.lte", "like", "ilike(any)", "match", "in", "is", "not.is", "cs", "ov",
     "cd", "sl", "adj", "fts", "plfts(english)", "wfts", "isdistinct", "eq(all)", "imatch"]
)  # fmt: skip
VALUES = MASH | st.sampled_from(
    ["1", "(1,2)", "{1,2}", "null", "not_null", "[1,2)", '{"a":1}', "a&b", "*", "\\", "(", "1e999"]
)
FILTERS = st.tuples(NAMES, OPERATORS, VALUES).map(lambda one: "{}={}.{}".format(*one))
NESTED = st.lists(st.tuples(NAMES, OPERATORS, VALUES).map(".".join), max_size=3).map(",".join)
OTHERS = st.one_of(
    st.lists(st.sampled_from(["id", "*", "x:name", "data->a->>0", "kin(*)", "things!kin(id)",
        "tags::text", "id::nope", "...kin(name)", "name::int4"]), max_size=4).map(
        lambda items: "select=" + ",".join(items)),
    st.lists(st.sampled_from(["id", "name.desc", "data->a.nullslast", "kin(name)", "nope", "tags"]),
        min_size=1, max_size=3).map(lambda items: "order=" + ",".join(items)),
    st.tuples(st.sampled_from(["or", "and", "not.or", "kin.or"]), NESTED).map(
        lambda one: "{}=({})".format(*one)),
    st.sampled_from(["limit=1", "limit=-1", "offset=9", "limit=x", "columns=id,name",
        "on_conflict=id", "on_conflict=name", "columns=nope"]),
    MASH,
)  # fmt: skip
QUERIES = st.lists(FILTERS | OTHERS, min_size=1, max_size=3).map("&".join)
PATHS = st.sampled_from(["/things"] * 14 + ["/rpc/give"] * 3 + ["/nope", "/", "/%ff", "/a%2fb"])
ROWS = st.dictionaries(
    st.sampled_from(["id", "name", "data", "tags", "kin", "a", "b", "nope"]),
    st.none() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=4)
    | st.lists(st.integers(), max_size=2) | st.booleans(), max_size=4
)  # fmt: skip
BODIES = (
    st.none()
    | st.binary(max_size=40)
    | MASH.map(str.encode)
    | (ROWS | st.lists(ROWS, max_size=3)).map(lambda rows: json.dumps(rows).encode())
)
PREFERENCES = MASH | st.lists(
    st.sampled_from(["return=representation", "return=headers-only", "count=exact", "count=planned",
        "resolution=merge-duplicates", "resolution=ignore-duplicates", "missing=default",
        "count=estimated", "handling=strict", "max-affected=1"]), max_size=3
).map(",".join)  # fmt: skip
METHODS = st.sampled_from(
    ["GET"] * 9 + ["POST"] * 4 + ["PATCH"] * 3 + ["DELETE", "PUT", "HEAD", "OPTIONS", "BREW"]
)
ACCEPTS = st.sampled_from(
    ["*/*"] * 8 + ["text/csv", "application/vnd.pgrst.object+json", "image/png", "a;q=x,,;", ""]
)


async def test_fuzz(standing: Any) -> None:
    async with standing(TABLES) as stand:
        transport = stand.client._transport
        loop = asyncio.get_running_loop()

        async def one(method: str, path: str, query: str, body: bytes | None,
                      headers: list[tuple[bytes, bytes]]) -> None:  # fmt: skip
            raw = query.encode().replace(b" ", b"%20").replace(b"#", b"%23")
            checked(await raw_request(transport, method, path, raw, body, headers))

        @settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
        @given(METHODS, PATHS, QUERIES, BODIES, PREFERENCES, ACCEPTS)
        def run(method: str, path: str, query: str, body: bytes | None, prefer: str,
                accept: str) -> None:  # fmt: skip
            headers = [(b"prefer", prefer.encode()), (b"accept", accept.encode())]
            asyncio.run_coroutine_threadsafe(one(method, path, query, body, headers), loop).result()

        await asyncio.to_thread(run)
        assert await stand.admin.fetchval("select count(*) from secrets") == 1


async def raw_request(
    transport: Any,
    method: str,
    path: str,
    query: bytes,
    body: bytes | None,
    headers: list[tuple[bytes, bytes]],
) -> httpx.Response:
    """Call the application below any client-side clean-up of the URL."""
    sent: list[Any] = []
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode("utf-8"),
        "query_string": query,
        "headers": headers,
    }

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": body or b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    await transport.app(scope, receive, send)
    # A HEAD has no body to look at; its status is what counts.
    content = (
        b'{"code":0,"message":0,"details":0,"hint":0}' if method == "HEAD" else sent[1]["body"]
    )
    return httpx.Response(sent[0]["status"], headers=sent[0]["headers"], content=content)
