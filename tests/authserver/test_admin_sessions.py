"""Administrators see and end sessions, and read what happened."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

OpenAuth = Callable[..., AbstractAsyncContextManager[Any]]
Bearer = Callable[[str], dict[str, str]]
SECRET = "a shared secret of forty characters or so"
UNKNOWN = "0a1b2c3d-4e5f-4a7b-8c9d-0e1f2a3b4c5d"
PASSWORD = {"email": "ada@example.com", "password": "correct horse"}


def bearer(token: Any) -> dict[str, str]:
    return {"Authorization": f"Bearer {token['access_token']}"}


async def refreshed(auth: Any, token: Any) -> Any:
    body = {"refresh_token": token["refresh_token"]}
    return await auth.http.post("/token?grant_type=refresh_token", json=body)


async def test_list_and_revoke(open_server: OpenAuth, service_role: Bearer) -> None:
    async with open_server(GOTRUE_JWT_SECRET=SECRET) as auth:
        admin = service_role(SECRET)
        first = await auth.sign_up()
        phone = {"User-Agent": "phone/7", "X-Forwarded-For": "203.0.113.9"}
        sign_in = "/token?grant_type=password"
        second = (await auth.http.post(sign_in, json=PASSWORD, headers=phone)).json()
        path = f"/admin/users/{first['user']['id']}/sessions"
        listed = (await auth.http.get(path, headers=admin)).json()["sessions"]
        assert len(listed) == 2
        latest = listed[0]
        assert (latest["user_agent"], latest["ip"]) == ("phone/7", "203.0.113.9")
        assert (latest["aal"], latest["refreshed_at"]) == ("aal1", None)
        assert [entry["method"] for entry in latest["amr"]] == ["password"]
        assert not any("token" in name or "hmac" in name for name in latest)
        gone = await auth.http.request("DELETE", f"{path}/{latest['id']}", headers=admin)
        assert (gone.status_code, gone.content) == (204, b"")
        over = await refreshed(auth, second)
        assert (over.status_code, over.json()["error_code"]) == (400, "refresh_token_not_found")
        await auth.refused(403, "session_not_found", "GET", "/user", headers=bearer(second))
        assert (await refreshed(auth, first)).status_code == 200
        (left,) = (await auth.http.get(path, headers=admin)).json()["sessions"]
        assert left["refreshed_at"] is not None
        audit = await auth.http.get("/admin/audit?query=action:logout", headers=admin)
        (line,) = audit.json()
        assert line["payload"]["traits"]["session_id"] == latest["id"]
        assert line["payload"]["actor_username"] == "service_role"
        for status, code, method, where in (
            (404, "session_not_found", "DELETE", f"{path}/{latest['id']}"),
            (404, "validation_failed", "DELETE", f"{path}/x"),
            (404, "validation_failed", "GET", "/admin/users/x/sessions"),
            (404, "user_not_found", "GET", f"/admin/users/{UNKNOWN}/sessions"),
            (404, "session_not_found", "DELETE", f"/admin/users/{UNKNOWN}/sessions/{left['id']}"),
        ):
            await auth.refused(status, code, method, where, headers=admin)
        await auth.refused(403, "not_admin", "GET", path, headers=bearer(first))
        await auth.refused(401, "no_authorization", "DELETE", f"{path}/{left['id']}")


async def test_an_account_without_sessions(open_server: OpenAuth, service_role: Bearer) -> None:
    async with open_server(GOTRUE_JWT_SECRET=SECRET) as auth:
        admin = service_role(SECRET)
        made = await auth.http.post("/admin/users", json=PASSWORD, headers=admin)
        path = f"/admin/users/{made.json()['id']}/sessions"
        assert (await auth.http.get(path, headers=admin)).json() == {"sessions": []}


async def test_the_audit_log_has_pages(open_server: OpenAuth, service_role: Bearer) -> None:
    async with open_server(GOTRUE_JWT_SECRET=SECRET) as auth:
        admin = service_role(SECRET)
        for name in ("ada", "bob", "carol"):
            await auth.sign_up(f"{name}@example.com")
        whole = await auth.http.get("/admin/audit", headers=admin)
        lines = whole.json()
        assert whole.headers["x-total-count"] == str(len(lines)) == "6"
        assert list(lines[0]) == ["id", "payload", "created_at", "ip_address"]
        times = [line["created_at"] for line in lines]
        assert times == sorted(times, reverse=True)
        pages = []
        url = "/admin/audit?per_page=4"
        while url:
            page = await auth.http.get(url, headers=admin)
            pages.append(page.json())
            following = re.search(r'<([^>]+)>; rel="next"', page.headers["link"])
            url = following[1] if following else ""
        assert [len(page) for page in pages] == [4, 2]
        assert [line for page in pages for line in page] == lines
        past = await auth.http.get("/admin/audit?page=9", headers=admin)
        assert (past.json(), past.headers["x-total-count"]) == ([], "6")


async def test_the_audit_log_is_searched(open_server: OpenAuth, service_role: Bearer) -> None:
    async with open_server(GOTRUE_JWT_SECRET=SECRET) as auth:
        admin = service_role(SECRET)
        for name in ("ada", "bob"):
            await auth.sign_up(f"{name}@example.com")

        async def actions(query: str) -> list[str]:
            answer = await auth.http.get("/admin/audit", params={"query": query}, headers=admin)
            assert answer.status_code == 200, answer.text
            return sorted(line["payload"]["action"] for line in answer.json())

        assert await actions("author:ADA") == ["login", "user_signedup"]
        assert await actions("action:login") == ["login", "login"]
        assert await actions("type:team") == ["user_signedup", "user_signedup"]
        assert await actions("author:%") == []  # a part, not a pattern
        assert len(await actions("author:")) == 4
        for query in ("author", "nobody:x", ":x"):
            sentence = await auth.refused(
                400,
                "validation_failed",
                "GET",
                "/admin/audit",
                params={"query": query},
                headers=admin,
            )
            assert sentence == f"Invalid query scope: {query}"
        await auth.refused(400, "validation_failed", "GET", "/admin/audit?page=x", headers=admin)
        await auth.refused(401, "no_authorization", "GET", "/admin/audit")


async def test_an_administrator_who_signed_in_is_as_good_as_the_session(
    open_server: OpenAuth, service_role: Bearer, database: Any
) -> None:
    admin = service_role(SECRET)
    variables = {"GOTRUE_JWT_SECRET": SECRET, "GOTRUE_SESSIONS_TIMEBOX": "48h"}
    async with open_server(**variables) as auth:
        person = (await auth.sign_up())["user"]
        path = f"/admin/users/{person['id']}"
        role = {"role": "service_role"}
        assert (await auth.http.put(path, json=role, headers=admin)).status_code == 200
        sign_in = "/token?grant_type=password"
        token = (await auth.http.post(sign_in, json=PASSWORD)).json()
        assert (await auth.http.get(path, headers=bearer(token))).status_code == 200
        pool = await database.pool()
        await pool.execute("update auth.sessions set not_after = now() - interval '1 second'")
        await auth.refused(403, "session_expired", "GET", path, headers=bearer(token))
        await pool.execute(
            "update auth.sessions set not_after = null, created_at = now() - interval '3 days'"
        )
        sentence = await auth.refused(403, "session_expired", "GET", path, headers=bearer(token))
        assert sentence == "Session is no longer valid"
        await pool.execute("delete from auth.sessions")
        await auth.refused(403, "session_not_found", "GET", path, headers=bearer(token))
        assert (await auth.http.get(path, headers=admin)).status_code == 200
