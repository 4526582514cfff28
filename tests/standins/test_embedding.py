"""Embedded resources: every cardinality, hints, inner joins, and what applies inside them."""

from __future__ import annotations

from typing import Any

TABLES = """
create table authors (id int primary key, name text);
create table profiles (author_id int primary key references authors, bio text);
create table books (
  id int primary key, title text, author_id int references authors, editor_id int references authors
);
create table tags (id int primary key, label text unique);
create table book_tags (book_id int references books, tag_id int references tags,
  primary key (book_id, tag_id));
create table nodes (id int primary key, parent_id int references nodes, name text);
create table users (id int primary key);
create table posts (id int primary key, writer int references users);
create table likes (post int references posts, liker int references users,
  primary key (post, liker));
create table lonely (id int primary key);
insert into authors values (1, 'Ann'), (2, 'Bob'), (3, 'Cy');
insert into profiles values (1, 'writes');
insert into books values (1, 'A', 1, 2), (2, 'B', 1, null), (3, 'C', 2, 1), (4, 'D', null, null);
insert into tags values (1, 'x'), (2, 'y');
insert into book_tags values (1, 1), (1, 2), (2, 2);
insert into nodes values (1, null, 'root'), (2, 1, 'kid');
grant select on all tables in schema public to anon;
grant all on books to service_role;
"""

CASES: list[tuple[str, Any]] = [
    (
        "/books?select=title,author:authors!author_id(name)&order=id&limit=1",
        [{"title": "A", "author": {"name": "Ann"}}],
    ),
    ("/books?select=title,author_id(name)&id=eq.4", [{"title": "D", "author_id": None}]),
    (
        "/authors?select=name,books!author_id(title)&books.order=title.desc&id=lte.2&order=id",
        [
            {"name": "Ann", "books": [{"title": "B"}, {"title": "A"}]},
            {"name": "Bob", "books": [{"title": "C"}]},
        ],
    ),
    (
        "/authors?select=name,b:books!books_author_id_fkey(title)&b.limit=1&b.offset=1&id=eq.1",
        [{"name": "Ann", "b": [{"title": "B"}]}],
    ),
    ("/authors?select=id,books!editor_id(id)&id=eq.3", [{"id": 3, "books": []}]),
    ("/authors?select=id,profiles(bio)&order=id&limit=2", [
        {"id": 1, "profiles": {"bio": "writes"}}, {"id": 2, "profiles": None}]),
    ("/authors?select=id,profiles!inner(bio)", [{"id": 1, "profiles": {"bio": "writes"}}]),
    ("/authors?select=id,books!author_id!inner(id)&books.title=eq.C", [
        {"id": 2, "books": [{"id": 3}]}]),
    ("/authors?select=id,profiles()&profiles=is.null&order=id", [{"id": 2}, {"id": 3}]),
    ("/authors?select=id,profiles()&profiles=not.is.null", [{"id": 1}]),
    ("/authors?select=id,books!author_id()&books=is.null", [{"id": 3}]),
    ("/authors?select=id,p:profiles()&or=(p.is.null,id.eq.1)&order=id&limit=2", [
        {"id": 1}, {"id": 2}]),
    ("/books?select=id,tags(label)&tags.order=label&id=lte.2&order=id", [
        {"id": 1, "tags": [{"label": "x"}, {"label": "y"}]}, {"id": 2, "tags": [{"label": "y"}]}]),
    ("/tags?select=label,books(title,author_id(name))&label=eq.x", [
        {"label": "x", "books": [{"title": "A", "author_id": {"name": "Ann"}}]}]),
    ("/books?select=id,...author_id(writer:name)&id=eq.3", [{"id": 3, "writer": "Bob"}]),
    ("/nodes?select=name,parent_id(name),nodes(name)&order=id", [
        {"name": "root", "parent_id": None, "nodes": [{"name": "kid"}]},
        {"name": "kid", "parent_id": {"name": "root"}, "nodes": []}]),
    ("/books?select=id,w:authors!author_id(name)&order=w(name).desc.nullslast,id.desc", [
        {"id": 3, "w": {"name": "Bob"}}, {"id": 2, "w": {"name": "Ann"}},
        {"id": 1, "w": {"name": "Ann"}}, {"id": 4, "w": None}]),
    ("/authors?select=id,books!author_id(title)&books.or=(title.eq.A,title.eq.C)&order=id&limit=2",
        [{"id": 1, "books": [{"title": "A"}]}, {"id": 2, "books": [{"title": "C"}]}]),
]  # fmt: skip

REFUSED = [
    ("/posts?select=id,users(id)", 300, "PGRST201"),
    ("/books?select=id,authors(name)", 300, "PGRST201"),
    ("/books?select=id,lonely(id)", 400, "PGRST200"),
    ("/books?select=id,authors!nope(name)", 400, "PGRST200"),
    ("/books?select=id&authors.name=eq.x", 400, "PGRST108"),
    ("/books?select=id,author_id(nope)", 400, "42703"),
    ("/authors?select=id,books!author_id(id)&order=books(id)", 400, "PGRST118"),
    ("/authors?select=id,books!author_id(id)&books=eq.1", 400, "PGRST120"),
    ("/authors?select=id,...books!author_id(id)", 400, "PGRST127"),
]


async def test_embedding(standing: Any) -> None:
    async with standing(TABLES) as stand:
        for path, expected in CASES:
            assert await stand.rows(path, role=None) == expected, path
        for path, status, code in REFUSED:
            response = await stand.ask("GET", path)
            assert (response.status_code, response.json()["code"]) == (status, code), path


async def test_embedding_in_what_was_written(standing: Any) -> None:
    async with standing(TABLES) as stand:
        made = await stand.ask(
            "POST",
            "/books?select=title,author_id(name),tags(label)",
            body={"id": 9, "title": "N", "author_id": 2},
            headers={"Prefer": "return=representation"},
        )
        assert made.json() == [{"title": "N", "author_id": {"name": "Bob"}, "tags": []}]


async def test_count_with_inner_join(standing: Any) -> None:
    async with standing(TABLES) as stand:
        response = await stand.ask(
            "GET",
            "/authors?select=id,books!author_id!inner(id)&limit=1",
            headers={"Prefer": "count=exact"},
        )
        assert response.headers["content-range"] == "0-0/2"
        assert response.status_code == 206
