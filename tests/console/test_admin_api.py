"""The admin API: Management API shapes, who may call, and the same guards as everywhere."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace

import pytest
from tests.conftest import Database
from tests.support.console import START, Browser, Hands, open_console
from tests.support.console_api import BASE, Client, opened

from keyturn.console.api.document import document
from keyturn.console.api.operations import OPERATIONS, PREFIX
from keyturn.console.api.schemas import SCHEMAS
from keyturn.console.counts import Counts
from keyturn.flows.ports.inbox import CaughtMail
from keyturn.gateway.traffic import WINDOW, Traffic
from keyturn.jose.keys import generate, private_jwk, signing_key_from_secret
from keyturn.secret import Secret
from keyturn.secret_access import reveal

KEYS = f"{BASE}/config/auth/signing-keys"
API_KEYS = f"{BASE}/api-keys"


async def nothing_seen(hands: Hands) -> Traffic:
    """Return an hour without requests."""
    return Traffic(hands.now - WINDOW, [], {}, {})


async def test_a_signing_key_by_api(database: Database) -> None:
    """Create, refused in_use with the time, in_use, refused and then done revocation, delete."""
    hands, client = await opened(database)
    status, made = await client.ask("POST", KEYS, {"algorithm": "ES256"})
    assert status == 201
    assert made.keys() == {"id", "algorithm", "status", "public_jwk", "created_at", "updated_at"}
    assert (made["status"], made["public_jwk"]["kid"]) == ("standby", made["id"])
    assert "d" not in made["public_jwk"]
    old = next(
        key["id"] for key in (await client.ask("GET", KEYS))[1]["keys"] if key["status"] == "in_use"
    )

    path = f"{KEYS}/{made['id']}"
    status, refused = await client.ask("PATCH", path, {"status": "in_use"})
    assert (status, refused["code"]) == (409, "wait_not_over")
    assert refused["until"] == int(hands.now.timestamp()) + 1200
    hands.forward(minutes=20)
    assert (await client.ask("PATCH", path, {"status": "in_use"}))[1]["status"] == "in_use"
    assert (await client.ask("PATCH", path, {"status": "standby"}))[0] == 409
    assert (await client.ask("PATCH", path, {"status": "revoked"}))[1]["code"] == "key_in_use"
    assert (await client.ask("PATCH", f"{KEYS}/{old}", {"status": "revoked"}))[0] == 409
    hands.forward(hours=2)
    assert (await client.ask("PATCH", f"{KEYS}/{old}", {"status": "revoked"}))[0] == 200
    assert (await client.ask("DELETE", f"{KEYS}/{old}"))[0] == 200
    assert (await client.ask("GET", f"{KEYS}/{old}"))[0] == 404


async def test_a_private_jwk_is_brought_in(database: Database) -> None:
    """It becomes a standby; the answer has its public half only."""
    _, client = await opened(database)
    jwk = json.loads(reveal(private_jwk(generate("ES256", kid="from-elsewhere"))))
    status, made = await client.ask("POST", KEYS, {"algorithm": "ES256", "private_jwk": jwk})

    assert (status, made["id"], made["status"]) == (201, "from-elsewhere", "standby")
    assert jwk["d"] not in json.dumps(made)
    status, refused = await client.ask("POST", KEYS, {"algorithm": "RS256", "private_jwk": jwk})
    assert status == 400
    assert jwk["d"] not in json.dumps(refused)


async def test_an_api_key_by_api(database: Database) -> None:
    """The text is in one answer; deletion keeps the reason in the log."""
    _, client = await opened(database)
    status, made = await client.ask("POST", API_KEYS, {"type": "secret", "name": "cron"})
    assert status == 201
    assert made["api_key"].startswith("sb_secret_")
    assert {
        "api_key", "id", "type", "prefix", "name", "description", "hash", "secret_jwt_template",
        "inserted_at", "updated_at",
    } <= made.keys()  # fmt: skip

    listed = (await client.ask("GET", API_KEYS))[1]
    assert {key["name"] for key in listed} == {"server", "cron"}
    assert all(key["api_key"] is None for key in listed)
    gone = f"{API_KEYS}/{made['id']}"
    assert (await client.ask("DELETE", f"{gone}?was_compromised=true&reason=leak"))[0] == 200
    assert (await client.ask("GET", gone))[0] == 404
    log = (await client.ask("GET", f"{BASE}/audit-log?verb=revoke"))[1]["lines"]
    assert [line["reason"] for line in log] == ["compromised; leak"]
    assert log[0]["actor"] == "secret key server (admin API)"


async def test_an_api_key_is_renamed_and_described(database: Database) -> None:
    """What is left out stays; the former name is in the log; the key goes on working."""
    _, client = await opened(database)
    said = "the nightly run"
    body = {"type": "secret", "name": "cron", "description": said}
    made = (await client.ask("POST", API_KEYS, body))[1]
    path = f"{API_KEYS}/{made['id']}"
    assert made["description"] == said

    status, changed = await client.ask("PATCH", f"{path}?reason=moved", {"name": "invoices"})
    assert (status, changed["name"], changed["description"]) == (200, "invoices", said)
    assert (await client.ask("PATCH", path, {"description": None}))[1]["description"] is None
    assert (await client.ask("PATCH", path, {"name": "server"}))[0] == 409
    for bad in (
        {"name": "No name"}, {"description": "a\nb"}, {"description": 5}, {"kind": "secret"},
        {"secret_jwt_template": {"role": "anon"}},
    ):  # fmt: skip
        assert (await client.ask("PATCH", path, bad))[0] == 400, bad
    assert (await client.ask("PATCH", f"{path}?reveal=maybe", {"name": "other"}))[0] == 400
    assert (await client.ask("GET", path))[1]["name"] == "invoices"
    log = (await client.ask("GET", f"{BASE}/audit-log?subject_id={made['id']}&verb=rename"))[1]
    assert [(one["from_state"], one["to_state"], one["reason"]) for one in log["lines"]] == [
        ("cron", "invoices", "moved")
    ]
    client.headers = {"apikey": made["api_key"]}
    assert (await client.ask("GET", path))[0] == 200


async def test_nobody_reveals_a_key(database: Database) -> None:
    """There is only its hash: the answer says so, and its shape is the hosted one."""
    _, client = await opened(database)
    body = {"type": "secret", "name": "cron"}
    made = (await client.ask("POST", f"{API_KEYS}?reveal=false", body))[1]
    assert made["api_key"].startswith("sb_secret_")
    http, one = client.browser.http, f"{API_KEYS}/{made['id']}"
    for method, path in (("GET", API_KEYS), ("GET", one), ("DELETE", one)):
        answer = await http.request(method, f"{path}?reveal=true", headers=client.headers)
        assert answer.status_code == 200
        assert "only the hash" in answer.headers["keyturn-not-revealed"]
        assert made["api_key"] not in answer.text
        assert '"api_key":null' in answer.text
    listed = (await client.ask("GET", f"{API_KEYS}?revoked=true"))[1]
    assert [key["name"] for key in listed if key["revoked_at"]] == ["cron"]


async def test_a_dry_run_decides_and_changes_nothing(database: Database) -> None:
    """What the dialogues of the pages are made of."""
    hands, client = await opened(database)
    ring = await hands.services.bench.store.load()
    path = f"{KEYS}/{ring.standby[0].kid}?dry_run=true"
    early = (await client.ask("GET", f"{BASE}/ring"))[1]["rotation"]
    assert (early["possible"], early["refused"]["code"]) == (False, "wait_not_over")
    assert (await client.ask("PATCH", path, {"status": "in_use"}))[0] == 409
    hands.forward(minutes=20)
    assert (await client.ask("PATCH", path, {"status": "in_use"}))[1]["status"] == "in_use"
    assert (await client.ask("PATCH", path, {"status": "revoked"}))[1]["status"] == "revoked"
    assert (await client.ask("GET", f"{BASE}/ring"))[1]["rotation"] == {
        "possible": True, "refused": None, "from": ring.in_use.kid, "to": ring.standby[0].kid,
    }  # fmt: skip
    after = await hands.services.bench.store.load()
    assert (after.version, after.in_use.kid) == (ring.version, ring.in_use.kid)


async def test_the_log_as_a_file(database: Database) -> None:
    """As JSON and as CSV, filtered alike; no cell is a formula."""
    _, client = await opened(database)
    body = {"type": "secret", "name": "cron"}
    await client.ask("POST", f"{API_KEYS}?reason=%3D1%2B1", body)
    query = "subject=api_key&actor=secret%20key"
    lines = (await client.ask("GET", f"{BASE}/audit-log?{query}&limit=10000"))[1]["lines"]
    assert [line["reason"] for line in lines] == ["=1+1"]
    answer = await client.browser.http.get(f"{BASE}/audit-log.csv?{query}", headers=client.headers)
    assert answer.headers["content-type"].startswith("text/csv")
    (row,) = csv.DictReader(io.StringIO(answer.text))
    assert (row["verb"], row["reason"]) == ("create", "'=1+1")
    assert (await client.ask("GET", f"{BASE}/audit-log?limit=10001"))[0] == 400


async def test_legacy_keys_by_api(database: Database) -> None:
    """Off is off: turning on again is refused with the reason."""
    hands = await open_console(database, legacy=Secret("an-imported-secret-of-32-bytes-or-so"))
    client = Client(hands, await hands.secret_key())

    assert (await client.ask("GET", f"{KEYS}/legacy"))[1]["public_jwk"] is None
    ready = (await client.ask("GET", f"{API_KEYS}/legacy/readiness"))[1]
    assert ready["ready"] is False
    assert "There is no publishable key for browsers and apps." in [
        point["text"] for point in ready["points"] if not point["met"]
    ]
    assert (await client.ask("PUT", f"{API_KEYS}/legacy?enabled=false"))[1] == {"enabled": False}
    assert (await client.ask("PUT", f"{API_KEYS}/legacy?enabled=true"))[0] == 409
    assert (await client.ask("PUT", f"{API_KEYS}/legacy"))[0] == 400


@pytest.mark.parametrize("body", [
    {}, [], {"algorithm": "none"}, {"algorithm": "ES256", "status": "in_use"},
    {"algorithm": "ES256", "statis": "standby"}, {"algorithm": "ES256", "private_jwk": "x"},
    {"algorithm": "ES256", "private_jwk": {"kty": "EC", "kid": "x"}}, {"algorithm": 5},
])  # fmt: skip
async def test_bodies_that_are_not_understood_change_nothing(
    database: Database, body: object
) -> None:
    """Nothing is ignored silently."""
    hands, client = await opened(database)
    before = (await hands.services.bench.store.load()).version

    status, refused = await client.ask("POST", KEYS, body)
    assert status == 400
    assert refused["message"]
    assert (await hands.services.bench.store.load()).version == before


async def test_who_may_call(database: Database) -> None:
    """An active secret key; neither a publishable, a revoked, a mistyped one, nor nothing."""
    hands, client = await opened(database)
    good = client.headers["apikey"]
    made = (await client.ask("POST", API_KEYS, {"type": "publishable", "name": "web"}))[1]
    gone = (await client.ask("POST", API_KEYS, {"type": "secret", "name": "gone"}))[1]
    await client.ask("DELETE", f"{API_KEYS}/{gone['id']}")
    http = Browser(hands).http

    assert (await http.get(KEYS, headers={"authorization": f"Bearer {good}"})).status_code == 200
    for key in (made["api_key"], gone["api_key"], good[:-1] + "!", "x", "é"):
        given: dict[bytes, bytes] = {b"apikey": str(key).encode("latin-1")}
        answer = await http.get(KEYS, headers=given)
        assert answer.status_code == 401
        assert key not in answer.text or len(key) < 3
    assert (await http.get(KEYS)).status_code == 401
    for _ in range(10):
        await http.get(KEYS, headers={"apikey": "guess"})
    assert (await http.get(KEYS, headers={"apikey": good})).status_code == 429


async def test_a_session_may_call_with_the_word_of_its_forms(database: Database) -> None:
    """Cookies alone never change anything; a read-only session looks."""
    hands = await open_console(database)
    browser = await Browser(hands).sign_in()
    word = {"x-csrf-token": await browser.csrf()}
    here = {"origin": browser.base}
    body = {"algorithm": "ES256"}

    assert (await browser.get(KEYS)).status_code == 200
    for headers in ({}, here, word, {**word, "origin": "http://evil.example"}):
        assert (await browser.http.post(KEYS, json=body, headers=headers)).status_code == 403
    done = await browser.http.post(KEYS, json=body, headers={**word, **here})
    assert done.status_code == 201
    looking = await Browser(hands).sign_in("read_only")
    theirs = {"x-csrf-token": await looking.csrf(), **here}
    assert (await looking.http.post(KEYS, json=body, headers=theirs)).status_code == 403


async def test_the_document_describes_every_operation(database: Database) -> None:
    """OpenAPI: every route, every schema that is named, and nothing secret; open to read."""
    browser = Browser(await open_console(database))
    served = (await browser.get("/admin/api/openapi.json")).json()

    assert served == json.loads(json.dumps(document(OPERATIONS, SCHEMAS)))
    listed = {(m.upper(), p) for p, rows in served["paths"].items() for m in rows}
    assert listed == {(row.method, PREFIX + row.path) for row in OPERATIONS}
    names = [row["operationId"] for rows in served["paths"].values() for row in rows.values()]
    assert len(names) == len(set(names))
    referred = {
        part.split("/")[-1] for part in json.dumps(served).split('"') if part.startswith("#/comp")
    }
    assert referred <= served["components"]["schemas"].keys()


async def test_answers_have_the_shape_that_the_document_promises(database: Database) -> None:
    """Each GET answer has exactly the members of its schema."""
    hands, client = await opened(database)
    counts = Counts(hands.services.desk, lambda: nothing_seen(hands))
    hands.services = replace(hands.services, counts=counts)
    client.browser = Browser(hands)
    schemas = document(OPERATIONS, SCHEMAS)["components"]["schemas"]
    for row in OPERATIONS:
        named = "{id}" in row.path or row.path.endswith("signing-keys/legacy")
        if row.method != "GET" or named or row.media == "text/csv":
            continue
        status, answer = await client.ask("GET", BASE + row.path)
        assert status == 200
        schema = schemas[row.gives]
        if schema["type"] == "object":
            assert answer.keys() == schema["properties"].keys(), row.path
        else:
            inner = schemas[schema["items"]["$ref"].split("/")[-1]]
            assert answer[0].keys() == inner["properties"].keys()


async def test_another_project_is_unknown(database: Database) -> None:
    """There is one, and its name is fixed."""
    _, client = await opened(database)
    assert (await client.ask("GET", KEYS.replace("self-hosted", "other")))[0] == 404
    assert (await client.ask("GET", f"{BASE}/nothing"))[0] == 404
    assert (await client.ask("PATCH", API_KEYS, {}))[0] == 405


async def test_the_inbox_wants_a_key_or_a_session(database: Database) -> None:
    """It was open to every program of this machine; links and codes in mails open doors."""
    hands = await open_console(database)
    mail = CaughtMail(
        1,
        START,
        "noreply@example.com",
        ("ada@example.com",),
        "Confirm",
        "Follow",
        "",
        ("http://x",),
    )
    hands.services = replace(hands.services, inbox=lambda: (mail,))
    browser = Browser(hands)
    path = f"{BASE}/inbox"

    assert (await browser.get(path)).status_code == 401
    moved = await browser.get("/inbox.json?to=ada@example.com")
    assert moved.status_code == 308
    assert moved.headers["location"] == f"{path}?to=ada@example.com"
    secret = {"apikey": await hands.secret_key()}
    found = (await browser.get(moved.headers["location"], headers=secret)).json()
    assert [message["links"] for message in found["messages"]] == [["http://x"]]
    assert (await browser.get(f"{path}?to=bob@x", headers=secret)).json()["messages"] == []
    assert (await (await browser.sign_in()).get(path)).status_code == 200


async def test_the_legacy_secret_is_trusted_on_request(database: Database) -> None:
    """Only the one that the process was started with; asking twice changes nothing."""
    hands = await open_console(database)
    secret = {"apikey": await hands.secret_key()}
    path = f"{KEYS}/legacy"

    refused = await Browser(hands).http.post(path, headers=secret)
    assert (refused.status_code, refused.json()["code"]) == (409, "no_legacy_secret")
    key = signing_key_from_secret(Secret("a-jwt-secret-of-more-than-32-bytes!!"), kid=None)
    hands.services = replace(hands.services, legacy_key=key)
    browser = Browser(hands)
    assert (await browser.http.post(path, json={"secret": "x"}, headers=secret)).status_code == 400
    made = await browser.http.post(path, headers=secret)
    assert made.status_code == 201
    assert (made.json()["algorithm"], made.json()["status"]) == ("HS256", "standby")
    assert made.json()["public_jwk"] is None
    again = await browser.http.post(path, headers=secret)
    assert again.json() == made.json()
