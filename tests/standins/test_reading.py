"""Reading: select lists, filters, order, windows, counts, formats."""

from __future__ import annotations

from typing import Any

TABLES = """
create type mood as enum ('sad', 'ok', 'happy');
create table people (
  id int primary key, name text, age int, mood mood, tags text[], data jsonb,
  born date, nick varchar(4), span int4range
);
insert into people values
  (1, 'Ann', 30, 'happy', '{a,b}', '{"city":"Oslo","n":{"deep":[1,2]}}',
   '1990-01-01', 'an', '[1,5)'),
  (2, 'Bob', 20, 'sad', '{b}', '{"city":"Rome"}', '2000-02-02', 'bobb', '[5,9)'),
  (3, 'Cy %', null, null, null, null, null, null, null),
  (4, 'dan', 40, 'ok', '{}', '{"city":null}', '1980-03-03', 'd', '[2,3)');
grant select on people to anon;
"""


async def test_filters(standing: Any) -> None:
    cases = [
        ("id=eq.1", [1]),
        ("id=neq.1", [2, 3, 4]),
        ("age=gt.20", [1, 4]),
        ("age=gte.20&age=lt.40", [1, 2]),
        ("age=is.null", [3]),
        ("age=not.is.null", [1, 2, 4]),
        ("id=in.(1,3)", [1, 3]),
        ('name=in.("Cy %",dan)', [3, 4]),
        ("id=not.in.(1,3)", [2, 4]),
        ("id=in.()", []),
        ("name=like.*n*", [1, 4]),
        ("name=ilike.D*", [4]),
        ("name=match.^[A-C]", [1, 2, 3]),
        ("name=imatch.^d", [4]),
        ("name=like(any).{A*,B*}", [1, 2]),
        ("name=ilike(all).{*n*,*A*}", [1, 4]),
        ("id=eq(any).{1,2}", [1, 2]),
        ("mood=eq.happy", [1]),
        ("mood=in.(sad,ok)", [2, 4]),
        ("age=isdistinct.20", [1, 3, 4]),
        ("tags=cs.{b}", [1, 2]),
        ("tags=cd.{a,b,c}", [1, 2, 4]),
        ("tags=ov.{a,z}", [1]),
        ("span=sl.[5,6)", [1, 4]),
        ("span=sr.[0,2)", [2, 4]),
        ("span=adj.[5,6)", [1]),
        ("span=nxr.[0,5)", [1, 4]),
        ("span=nxl.[2,9)", [2, 4]),
        ("data->>city=eq.Oslo", [1]),
        ("data->n->deep->>0=eq.1", [1]),
        ("data->n->deep->1=eq.2", [1]),
        ('data=cs.{"city":"Rome"}', [2]),
        ("born=gt.1985-01-01", [1, 2]),
        ("nick=eq.bobb", [2]),
        ("nick=eq.bobbx", []),
        ("name=fts.ann", [1]),
        ("name=plfts(english).bob", [2]),
        ("name=wfts.bob or dan", [2, 4]),
        ("or=(id.eq.1,id.eq.2)", [1, 2]),
        ("not.or=(id.eq.1,id.eq.2)", [3, 4]),
        ("and=(age.gt.10,or(id.eq.1,name.eq.dan))", [1, 4]),
        ('or=(id.in.(1,2),name.eq."Cy %")', [1, 2, 3]),
        ("or=(tags.cs.{a,b},age.is.null)", [1, 3]),
        ("or=(id.not.eq.1,not.and(id.gt.0,age.eq.30))", [2, 3, 4]),
    ]
    async with standing(TABLES) as stand:
        for query, expected in cases:
            rows = await stand.rows(f"/people?select=id&order=id&{query}")
            assert [row["id"] for row in rows] == expected, query


async def test_select(standing: Any) -> None:
    cases: list[tuple[str, list[dict[str, Any]]]] = [
        ("select=id,name&id=eq.1", [{"id": 1, "name": "Ann"}]),
        ("select=count&id=lt.3", [{"count": 2}]),
        ("select=who:name&id=eq.1", [{"who": "Ann"}]),
        ("select=id::text,age::float8&id=eq.1", [{"id": "1", "age": 30}]),
        ("select=city:data->>city&id=eq.1", [{"city": "Oslo"}]),
        ("select=data->city&id=eq.1", [{"city": "Oslo"}]),
        ("select=data->n->deep->0&id=eq.1", [{"deep": 1}]),
        ("select=tags->0&id=eq.1", [{"tags": "a"}]),
        ('select="name" , id&id=eq.1', [{"name": "Ann", "id": 1}]),
        ('select="my ""name":name&id=eq.1'.replace('""', '\\"'), [{'my "name': "Ann"}]),
    ]
    async with standing(TABLES) as stand:
        for query, expected in cases:
            assert await stand.rows(f"/people?{query}", role=None) == expected, query
        whole = await stand.rows("/people?id=eq.2&select=", role=None)
        again = await stand.rows("/people?id=eq.2&select=*,again:name", role=None)
        assert again == [{**whole[0], "again": "Bob"}]


async def test_a_changed_table_is_read_anew(standing: Any) -> None:
    async with standing(TABLES) as stand:
        before = await stand.rows("/people?id=eq.1&select=*", role=None)
        await stand.admin.execute("alter table people add column extra int default 5")
        await stand.database.reload()
        after = await stand.rows("/people?id=eq.1&select=*", role=None)
        assert after == [{**before[0], "extra": 5}]
        await stand.admin.execute("alter table people drop column extra, alter age type text")
        await stand.database.reload()
        assert (await stand.rows("/people?age=eq.30&select=age", role=None)) == [{"age": "30"}]


async def test_order(standing: Any) -> None:
    cases = [
        ("age", [2, 1, 4, 3]),
        ("age.desc", [3, 4, 1, 2]),
        ("age.desc.nullslast", [4, 1, 2, 3]),
        ("age.nullsfirst", [3, 2, 1, 4]),
        ("mood.desc.nullslast,id", [1, 4, 2, 3]),
        ("data->>city.asc.nullslast,id", [1, 2, 3, 4]),
    ]
    async with standing(TABLES) as stand:
        for order, expected in cases:
            rows = await stand.rows(f"/people?select=id&order={order}", role=None)
            assert [row["id"] for row in rows] == expected, order


async def test_formats(standing: Any) -> None:
    async with standing(TABLES) as stand:
        one = {"Accept": "application/vnd.pgrst.object+json"}
        single = await stand.ask("GET", "/people?id=eq.1&select=id", headers=one)
        assert single.json() == {"id": 1}
        for query, rows in (("id=gt.1", 3), ("id=eq.99", 0)):
            refused = await stand.ask("GET", f"/people?{query}", headers=one)
            assert (refused.status_code, refused.json()) == (
                406,
                {
                    "code": "PGRST116",
                    "message": "Cannot coerce the result to a single JSON object",
                    "details": f"The result contains {rows} rows",
                    "hint": None,
                },
            )
        csv = await stand.ask(
            "GET", "/people?select=id,name,age&order=id&limit=3", headers={"Accept": "text/csv"}
        )
        assert csv.text == 'id,name,age\n1,Ann,30\n2,Bob,20\n3,"Cy %",'
        assert csv.headers["content-type"] == "text/csv; charset=utf-8"
        stripped = {"Accept": "application/vnd.pgrst.array+json;nulls=stripped"}
        bare = await stand.ask("GET", "/people?select=id,age&id=eq.3", headers=stripped)
        assert bare.json() == [{"id": 3}]
        picture = await stand.ask("GET", "/people", headers={"Accept": "image/png"})
        assert (picture.status_code, picture.json()["code"]) == (406, "PGRST107")
        preferred = {"Accept": "image/png;q=1, text/csv;q=0.5, application/json;q=0.9"}
        best = await stand.ask("GET", "/people", headers=preferred)
        assert best.headers["content-type"] == "application/json; charset=utf-8"


async def test_counts(standing: Any) -> None:
    async with standing(TABLES, max_rows=3) as stand:
        cases = [
            ("/people", "", "0-2/*", 200),
            ("/people?limit=2&offset=1", "", "1-2/*", 200),
            ("/people", "count=exact", "0-2/4", 206),
            ("/people?id=lt.3", "count=exact", "0-1/2", 200),
            ("/people?id=gt.9", "count=exact", "*/0", 200),
            ("/people?offset=4", "count=exact", "*/4", 206),
            ("/people?limit=0", "", "*/*", 200),
            ("/people?limit=0", "count=exact", "*/4", 206),
            ("/people?id=lt.3", "count=estimated", "0-1/2", 200),
        ]
        for path, prefer, content_range, status in cases:
            for method in ("GET", "HEAD"):
                response = await stand.ask(method, path, headers={"Prefer": prefer})
                assert response.headers["content-range"] == content_range, path
                assert response.status_code == status, path
                assert bool(response.content) == (method == "GET")
        beyond = await stand.ask("GET", "/people?offset=5", headers={"Prefer": "count=exact"})
        assert beyond.status_code == 416
        assert (
            beyond.json()["details"] == "An offset of 5 was requested, but there are only 4 rows."
        )
        await stand.admin.execute("analyze people")
        planned = await stand.ask("GET", "/people?limit=1", headers={"Prefer": "count=planned"})
        assert planned.headers["content-range"] == "0-0/4"
        assert planned.headers["preference-applied"] == "count=planned"


async def test_ranges(standing: Any) -> None:
    async with standing(TABLES) as stand:
        cases = [("0-1", [1, 2]), ("2-", [3, 4]), ("items=1-1", [2]), ("nonsense", [1, 2, 3, 4])]
        for header, expected in cases:
            response = await stand.ask(
                "GET", "/people?select=id&order=id", headers={"Range": header}
            )
            assert [row["id"] for row in response.json()] == expected
        crossed = await stand.ask("GET", "/people", headers={"Range": "5-2"})
        assert (crossed.status_code, crossed.json()["code"]) == (416, "PGRST103")
        negative = await stand.ask("GET", "/people?limit=-1")
        assert negative.json()["details"] == "Limit should be greater than or equal to zero."


async def test_refusals(standing: Any) -> None:
    cases = [
        ("/nobody", 404, "PGRST205"),
        ("/people?select=nope", 400, "42703"),
        ("/people?nope=eq.1", 400, "42703"),
        ("/people?order=nope", 400, "42703"),
        ("/people?id=eq.x", 400, "22P02"),
        ("/people?id=1", 400, "PGRST100"),
        ("/people?id=noop.1", 400, "PGRST100"),
        ("/people?people.id=noop.1", 400, "PGRST100"),
        ("/people?id=in.1", 400, "PGRST100"),
        ("/people?id=is.maybe", 400, "PGRST100"),
        ("/people?select=id,", 400, "PGRST100"),
        ("/people?select=id)(", 400, "PGRST100"),
        ("/people?order=id.sideways", 400, "PGRST100"),
        ("/people?or=(id.eq.1", 400, "PGRST100"),
        ("/people?or=()", 400, "PGRST100"),
        ("/people?select=count()", 400, "PGRST123"),
        ("/people?select=age.sum()", 400, "PGRST123"),
        ("/people?select=id::nope", 400, "42704"),
        ("/people?age=like.3*", 404, "42883"),
        ("/people?name=match.(", 400, "2201B"),
        ("/people?name=fts(klingon).x", 400, "42704"),
        ("/people/extra", 404, "PGRST125"),
    ]
    async with standing(TABLES) as stand:
        for path, status, code in cases:
            response = await stand.ask("GET", path)
            assert (response.status_code, response.json()["code"]) == (status, code), path
        typo = await stand.ask("GET", "/peple")
        assert typo.json()["hint"] == "Perhaps you meant the table 'public.people'"
        wrong = await stand.ask("GET", "/people?people.id=noop.1")
        assert wrong.json()["message"] == '"failed to parse filter (noop.1)" (line 1, column 6)'
        assert wrong.json()["details"] == "unknown single value operator noop"
        strict = await stand.ask(
            "GET", "/people", headers={"Prefer": "handling=strict, colour=red"}
        )
        assert (strict.status_code, strict.json()["details"]) == (
            400,
            "Invalid preferences: colour=red",
        )
