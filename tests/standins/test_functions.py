"""Calling functions: arguments, overloads, what they return, and who may write."""

from __future__ import annotations

from typing import Any

FUNCTIONS = """
create table items (id int primary key, name text);
insert into items values (1, 'a'), (2, 'b'), (3, 'c');
grant all on items to service_role;
create function add_them(a int, b int default 10) returns int language sql immutable
  as $$ select a + b $$;
create function shout(words text[]) returns text language sql immutable
  as $$ select upper(array_to_string(words, '-')) $$;
create function all_of(variadic v text[]) returns int language sql immutable
  as $$ select cardinality(v) $$;
create function numbers(n int) returns setof int language sql stable
  as $$ select generate_series(1, n) $$;
create function every_item() returns setof items language sql stable as $$ select * from items $$;
create function one_item(wanted int) returns items language sql stable
  as $$ select * from items where id = wanted $$;
create function pairs() returns table (k text, v int) language sql stable
  as $$ values ('x', 1), ('y', 2) $$;
create function out_pair(out k text, out v int) language sql stable as $$ select 'x', 1 $$;
create function nothing() returns void language plpgsql as $$ begin end $$;
create function put_item(id int, name text) returns void language sql
  as $$ insert into items values (id, name) $$;
create function echo(jsonb) returns jsonb language sql immutable as $$ select $1 $$;
create function twice(a int) returns int language sql immutable as $$ select a * 2 $$;
create function twice(a text) returns text language sql immutable as $$ select a || a $$;
create function fail_with(state text) returns int language plpgsql as $$
  begin raise using errcode = state, message = 'm', detail = 'd', hint = 'h'; end $$;
create function teapot() returns int language plpgsql as $$ begin
  raise sqlstate 'PGRST' using
    message = '{"code":"TEA","message":"short","details":"and","hint":"stout"}',
    detail = '{"status":418,"headers":{"X-Tea":"green"}}'; end $$;
create function redirected() returns int language plpgsql as $$ begin
  perform set_config('response.headers', '[{"X-Kind":"own"},{"Cache-Control":"no-store"}]', true);
  perform set_config('response.status', '202', true); return 1; end $$;
create function seen() returns json language sql stable as $$ select json_build_object(
  'role', current_user, 'sub', auth.uid(), 'method', current_setting('request.method'),
  'path', current_setting('request.path'), 'path_set', current_setting('search_path'),
  'header', current_setting('request.headers')::json->>'x-mine',
  'cookie', current_setting('request.cookies')::json->>'c') $$;
create function private.hidden() returns int language sql as $$ select 1 $$;
""".replace("create function private", "create schema private; create function private")


async def test_results(standing: Any) -> None:
    cases: list[tuple[str, str, Any, Any]] = [
        ("POST", "/rpc/add_them", {"a": 1, "b": 2}, 3),
        ("POST", "/rpc/add_them", {"a": 1}, 11),
        ("GET", "/rpc/add_them?a=1&b=2", None, 3),
        ("GET", "/rpc/shout?words={a,b}", None, "A-B"),
        ("POST", "/rpc/shout", {"words": ["a", "b"]}, "A-B"),
        ("GET", "/rpc/all_of?v=a&v=b&v=c", None, 3),
        ("POST", "/rpc/all_of", {"v": ["a"]}, 1),
        ("POST", "/rpc/numbers", {"n": 3}, [1, 2, 3]),
        ("GET", "/rpc/every_item?select=name&id=gt.1&order=id.desc", None,
         [{"name": "c"}, {"name": "b"}]),
        ("POST", "/rpc/every_item?id=eq.2&select=id", None, [{"id": 2}]),
        ("POST", "/rpc/one_item", {"wanted": 2}, {"id": 2, "name": "b"}),
        ("GET", "/rpc/pairs?k=eq.y", None, [{"k": "y", "v": 2}]),
        ("GET", "/rpc/out_pair", None, {"k": "x", "v": 1}),
        ("POST", "/rpc/echo", {"any": [1, None]}, {"any": [1, None]}),
        ("POST", "/rpc/echo", [1], [1]),
    ]  # fmt: skip
    async with standing(FUNCTIONS) as stand:
        for method, path, body, expected in cases:
            response = await stand.ask(method, path, body=body)
            assert response.status_code == 200, (path, response.text)
            assert response.json() == expected, path
        void = await stand.ask("POST", "/rpc/nothing")
        assert (void.status_code, void.content) == (204, b"")
        stored = await stand.ask("POST", "/rpc/put_item", body={"id": 9, "name": "n"})
        assert stored.status_code == 204
        assert await stand.rows("/items?id=eq.9&select=name") == [{"name": "n"}]
        form = await stand.ask(
            "POST",
            "/rpc/add_them",
            body=b"a=4&b=5",
            headers={"Content-Type": "application/x-www-form-urlencoded"},
        )
        assert form.json() == 9
        head = await stand.ask("HEAD", "/rpc/numbers?n=3", headers={"Prefer": "count=exact"})
        assert head.status_code == 200
        window = await stand.ask(
            "GET", "/rpc/every_item?limit=1", headers={"Prefer": "count=exact"}
        )
        assert (window.status_code, window.headers["content-range"]) == (206, "0-0/4")


async def test_refusals(standing: Any) -> None:
    cases: list[tuple[str, str, Any, int, str]] = [
        ("POST", "/rpc/nope", {}, 404, "PGRST202"),
        ("POST", "/rpc/hidden", {}, 404, "PGRST202"),
        ("POST", "/rpc/add_them", {"b": 1}, 404, "PGRST202"),
        ("POST", "/rpc/add_them", {"a": 1, "z": 2}, 404, "PGRST202"),
        ("POST", "/rpc/twice", {"a": 1}, 300, "PGRST203"),
        ("POST", "/rpc/add_them", {"a": "x"}, 400, "22P02"),
        ("POST", "/rpc/add_them", {"a": 2147483647}, 400, "22003"),
        ("POST", "/rpc/add_them", b"{", 400, "PGRST102"),
        ("DELETE", "/rpc/add_them", None, 405, "PGRST101"),
        ("GET", "/rpc/put_item?id=5&name=x", None, 405, "25006"),
        ("GET", "/rpc/every_item?nope=eq.1", None, 400, "42703"),
        ("POST", "/rpc/fail_with", {"state": "P0001"}, 400, "P0001"),
        ("POST", "/rpc/fail_with", {"state": "PT402"}, 402, "PT402"),
        ("POST", "/rpc/fail_with", {"state": "42501"}, 403, "42501"),
        ("POST", "/rpc/fail_with", {"state": "23505"}, 409, "23505"),
        ("POST", "/rpc/fail_with", {"state": "57014"}, 503, "57014"),
        ("POST", "/rpc/teapot", None, 418, "TEA"),
    ]
    async with standing(FUNCTIONS) as stand:
        for method, path, body, status, code in cases:
            response = await stand.ask(method, path, body=body)
            assert (response.status_code, response.json()["code"]) == (status, code), (
                path,
                response.text,
            )
        raised = await stand.ask("POST", "/rpc/fail_with", body={"state": "P0001"})
        assert raised.json() == {"code": "P0001", "message": "m", "details": "d", "hint": "h"}
        tea = await stand.ask("POST", "/rpc/teapot")
        assert tea.headers["x-tea"] == "green"
        near = await stand.ask("POST", "/rpc/add_then", body={})
        assert near.json()["hint"] == "Perhaps you meant to call the function public.add_them"


async def test_what_sql_sees_and_says(standing: Any) -> None:
    async with standing(FUNCTIONS) as stand:
        user = "33333333-3333-4333-8333-333333333333"
        response = await stand.ask(
            "GET",
            "/rpc/seen",
            role="authenticated",
            sub=user,
            headers={"X-Mine": 'a"b', "Cookie": "c=1%202; d=3"},
        )
        assert response.json() == {
            "role": "authenticated",
            "sub": user,
            "method": "GET",
            "path": "/rpc/seen",
            "path_set": '"public", "extensions"',
            "header": 'a"b',
            "cookie": "1 2",
        }
        own = await stand.ask("POST", "/rpc/redirected")
        assert (own.status_code, own.headers["x-kind"]) == (202, "own")
        # Nothing of one request is left for the next on the same connection.
        anonymous = await stand.ask("GET", "/rpc/seen", role=None)
        assert (anonymous.json()["role"], anonymous.json()["sub"]) == ("anon", None)
