"""Filters, order and windows against an oracle: the same question asked of plain Python.

SQL's three-valued logic is None, True, False here.
"""

from __future__ import annotations

import asyncio
import fnmatch
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

TABLE = """
create table t (id int primary key, n int, s text, a int[]);
insert into t select i,
  case when i % 5 = 0 then null else i % 4 end,
  case when i % 7 = 0 then null else (array['ab', 'Abc', 'b,c', 'x"y', '', 'a(b)'])[i % 6 + 1] end,
  case when i % 6 = 0 then null else array[i % 3, i % 2] end
from generate_series(1, 40) as i;
grant select on t to anon;
"""
TEXTS = ["ab", "Abc", "b,c", 'x"y', "", "a(b)", "ABC", "nope", "null", "b.c"]
Row = Mapping[str, Any]
Verdict = bool | None
Test = tuple[str, Callable[[Row], Verdict]]


def known(test: Callable[[Any], bool]) -> Callable[[Any], Verdict]:
    """Null in, null out."""
    return lambda value: None if value is None else test(value)


def like(pattern: str, *, fold: bool) -> Callable[[Any], Verdict]:
    """``LIKE`` with ``*``; these texts hold no ``%``, ``_`` or brackets."""
    found = re.compile(fnmatch.translate(pattern), re.IGNORECASE if fold else 0)
    return known(lambda value: found.match(value) is not None)


def negated(test: Test) -> Test:
    """``not.``"""
    text, holds = test

    def other(row: Row) -> Verdict:
        verdict = holds(row)
        return None if verdict is None else not verdict

    return f"not.{text}", other


def in_list(value: str) -> str:
    """Quote a member of ``in.(…)``."""
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda left, right: left == right,
    "neq": lambda left, right: left != right,
    "gt": lambda left, right: left > right,
    "gte": lambda left, right: left >= right,
    "lt": lambda left, right: left < right,
    "lte": lambda left, right: left <= right,
}


@st.composite
def number_test(draw: st.DrawFn) -> tuple[str, Test]:
    """One condition on ``n``."""
    value = draw(st.integers(-1, 4))
    kind = draw(
        st.sampled_from([*COMPARISONS, "in", "is.null", "isdistinct", "eq(any)", "gt(all)"])
    )
    some = draw(st.lists(st.integers(-1, 4), max_size=3))
    listed = ",".join(map(str, some))
    if kind == "in":
        return "n", (f"in.({listed})", _on("n", known(lambda n: n in some)) if some else _never)
    if kind == "is.null":
        return "n", ("is.null", lambda row: row["n"] is None)
    if kind == "isdistinct":
        return "n", (f"isdistinct.{value}", lambda row: row["n"] != value)
    if kind == "eq(any)":
        holds = _on("n", known(lambda n: n in some)) if some else _never
        return "n", (f"eq(any).{{{listed}}}", holds)
    if kind == "gt(all)":
        every = _on("n", known(lambda n: all(n > one for one in some))) if some else _always
        return "n", (f"gt(all).{{{listed}}}", every)
    return "n", (f"{kind}.{value}", _on("n", known(lambda n: COMPARISONS[kind](n, value))))


@st.composite
def text_test(draw: st.DrawFn) -> tuple[str, Test]:
    """One condition on ``s``; the database's collation is C, so is Python's."""
    value = draw(st.sampled_from(TEXTS))
    kind = draw(st.sampled_from([*COMPARISONS, "in", "like", "ilike"]))
    if kind == "in":
        some = draw(st.lists(st.sampled_from(TEXTS), min_size=1, max_size=3))
        listed = ",".join(map(in_list, some))
        # PostgREST reads one empty text, quoted or not, as an empty list.
        holds = _never if some == [""] else _on("s", known(lambda s: s in some))
        return "s", (f"in.({listed})", holds)
    if kind in ("like", "ilike"):
        pattern = draw(st.sampled_from(["a*", "*b*", "*", "Ab?", "*c", "x*y"]))
        return "s", (f"{kind}.{pattern}", _on("s", like(_plain(pattern), fold=kind == "ilike")))
    return "s", (f"{kind}.{value}", _on("s", known(lambda s: COMPARISONS[kind](s, value))))


def _plain(pattern: str) -> str:
    """``?`` means itself in LIKE."""
    return pattern.replace("?", "[?]")


@st.composite
def array_test(draw: st.DrawFn) -> tuple[str, Test]:
    """One condition on ``a``."""
    some = draw(st.lists(st.integers(0, 3), min_size=1, max_size=2))
    listed = "{" + ",".join(map(str, some)) + "}"
    kind = draw(st.sampled_from(["cs", "cd", "ov"]))
    tests: dict[str, Callable[[Any], bool]] = {
        "cs": lambda a: set(some) <= set(a),
        "cd": lambda a: set(a) <= set(some),
        "ov": lambda a: bool(set(a) & set(some)),
    }
    return "a", (f"{kind}.{listed}", _on("a", known(tests[kind])))


def _on(column: str, test: Callable[[Any], Verdict]) -> Callable[[Row], Verdict]:
    return lambda row: test(row[column])


def _never(_row: Row) -> Verdict:
    return False


def _always(_row: Row) -> Verdict:
    return True


LEAVES = st.tuples(number_test() | text_test() | array_test(), st.booleans()).map(
    lambda drawn: (drawn[0][0], negated(drawn[0][1]) if drawn[1] else drawn[0][1])
)


def nested_text(column: str, text: str) -> str:
    """A leaf inside and/or: a value with a comma or parenthesis has to be quoted."""
    operator, dot, value = text.rpartition(".") if "in.(" not in text else (text, "", "")
    if dot and value and re.search(r'[,()"]', value) and not value.startswith("{"):
        value = in_list(value)
    return f"{column}.{operator}{dot}{value}"


def leaf_node(leaf: tuple[str, Test]) -> Test:
    """A leaf as a part of a tree."""
    column, (text, holds) = leaf
    return nested_text(column, text), holds


def junction(drawn: tuple[str, list[Test], bool]) -> Test:
    """``and(…)`` or ``or(…)`` by Kleene's logic."""
    operator, parts, flipped = drawn
    text = f"{operator}({','.join(part for part, _ in parts)})"
    decisive = operator == "or"

    def holds(row: Row) -> Verdict:
        verdicts = [test(row) for _, test in parts]
        if decisive in verdicts:
            return decisive
        return None if None in verdicts else not decisive

    return negated((text, holds)) if flipped else (text, holds)


TREES = st.recursive(
    LEAVES.map(leaf_node),
    lambda below: st.tuples(
        st.sampled_from(["and", "or"]), st.lists(below, min_size=1, max_size=3), st.booleans()
    ).map(junction),
    max_leaves=6,
)


async def ask_all(standing: Any, examples: int, strategy: Any, check: Any) -> None:
    """Run ``check(stand, rows, drawn)`` for many draws against one database."""
    async with standing(TABLE) as stand:
        rows = await stand.rows("/t?order=id", role=None)
        loop = asyncio.get_running_loop()

        @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck))
        @given(strategy)
        def run(drawn: Any) -> None:
            asyncio.run_coroutine_threadsafe(check(stand, rows, drawn), loop).result()

        await asyncio.to_thread(run)


async def test_conditions(standing: Any) -> None:
    async def check(stand: Any, rows: list[Row], leaves: list[tuple[str, Test]]) -> None:
        query = "&".join(f"{column}={quote(text, safe='')}" for column, (text, _) in leaves)
        found = await stand.rows(f"/t?select=id&order=id&{query}", role=None)
        expected = [
            row["id"] for row in rows if all(holds(row) is True for _, (_, holds) in leaves)
        ]
        assert [row["id"] for row in found] == expected, query

    await ask_all(standing, 200, st.lists(LEAVES, min_size=1, max_size=3), check)


async def test_logic_trees(standing: Any) -> None:
    async def check(stand: Any, rows: list[Row], tree: Test) -> None:
        text, holds = tree
        found = await stand.rows(f"/t?select=id&order=id&and=({quote(text, safe='')})", role=None)
        assert [row["id"] for row in found] == [row["id"] for row in rows if holds(row) is True]

    await ask_all(standing, 200, TREES, check)


ORDERS = st.tuples(
    st.sampled_from(["n", "s"]), st.booleans(), st.sampled_from(["", ".nullsfirst", ".nullslast"])
)
WINDOWS = st.tuples(ORDERS, st.integers(0, 45), st.none() | st.integers(0, 45), st.booleans())


async def test_order_and_windows(standing: Any) -> None:
    async def check(stand: Any, rows: list[Row], drawn: Any) -> None:
        (column, descending, nulls), offset, limit, by_header = drawn
        way = ".desc" if descending else ".asc"
        path = f"/t?order={column}{way}{nulls},id&select=id"
        headers = {"Prefer": "count=exact"}
        if by_header:
            last = "" if limit is None else str(offset + max(limit, 1) - 1)
            limit = None if limit is None else max(limit, 1)
            headers["Range"] = f"{offset}-{last}"
        else:
            path += f"&offset={offset}" + ("" if limit is None else f"&limit={limit}")
        response = await stand.ask("GET", path, headers=headers, role=None)
        if offset > len(rows):
            assert (response.status_code, response.json()["code"]) == (416, "PGRST103")
            return
        first_nulls = nulls == ".nullsfirst" or (not nulls and descending)
        valued = sorted((row for row in rows if row[column] is not None), key=lambda r: r["id"])
        valued.sort(key=lambda row: row[column], reverse=descending)
        if descending:  # a stable reversed sort keeps equal rows in order of id
            valued.sort(key=lambda row: row[column], reverse=True)
        empty = [row for row in rows if row[column] is None]
        ordered = empty + valued if first_nulls else valued + empty
        shown = ordered[offset:][: len(rows) if limit is None else limit]
        assert response.json() == [{"id": row["id"]} for row in shown]
        span = f"{offset}-{offset + len(shown) - 1}" if shown else "*"
        assert response.headers["content-range"] == f"{span}/40"
        assert response.status_code == (206 if len(shown) < 40 else 200)

    await ask_all(standing, 150, WINDOWS, check)
