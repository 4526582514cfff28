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
