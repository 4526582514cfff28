"""What the pages of a deployment's console show and do, its API has: row by row."""

from __future__ import annotations

import html
import re
from datetime import timedelta
from pathlib import Path

import pytest
from tests.console.test_deployment import Signed, carry_out, sign_in, without_jwks
from tests.support.deployment_scene import Scene

from keyturn.console.deployment.api import OPERATIONS
from keyturn.console.deployment.app import ACTIONS, LIVE, PAGES

HERE = "/deployment"
NEWEST = f"{HERE}/changes/newest"
STANDS = (f"GET {HERE}", f"GET {HERE}/changes", f"GET {HERE}/job")
DOCTOR = (f"GET {HERE}/doctor", f"GET {HERE}", f"GET {HERE}/job")
ROWS: dict[tuple[str, str], tuple[str, ...]] = {
    ("GET", "/"): (*STANDS, f"GET {HERE}/doctor"),
    ("GET", "/migrate"): (*STANDS, f"GET {HERE}/audit-log"),
    ("GET", "/migrate/plans/{id}"): (f"GET {HERE}/plans/{{id}}", f"GET {HERE}"),
    ("GET", "/migrate/run"): STANDS,
    ("GET", "/migrate/undo"): (f"GET {NEWEST}/undo",),
    ("GET", "/migrate/rollback"): (f"GET {NEWEST}/rollback",),
    ("GET", "/migrate/rehearsal"): (f"GET {HERE}/rehearsal",),
    ("GET", "/doctor"): DOCTOR,
    ("GET", "/doctor/follow"): (f"POST {HERE}/doctor/follow",),
    ("GET", "/doctor/cells/{service}/{credential}"): (
        f"GET {HERE}/doctor/cells/{{service}}/{{credential}}",
    ),
    ("GET", "/live/overview"): STANDS,
    ("GET", "/live/run"): STANDS,
    ("GET", "/live/rehearsal"): (f"GET {HERE}/rehearsal",),
    ("GET", "/live/questions"): (f"GET {HERE}/job",),
    ("POST", "/migrate/plan"): (f"POST {HERE}/plans",),
    ("POST", "/migrate/rotation"): (f"POST {HERE}/plans",),
    ("POST", "/migrate/plans/{id}"): (f"POST {HERE}/plans/{{id}}/apply",),
    ("POST", "/migrate/resume"): (f"POST {NEWEST}/resume",),
    ("POST", "/migrate/undo"): (f"POST {NEWEST}/undo",),
    ("POST", "/migrate/rollback"): (f"POST {NEWEST}/rollback",),
    ("POST", "/migrate/stop"): (f"DELETE {HERE}/job",),
    ("POST", "/migrate/rehearsal"): (f"POST {HERE}/rehearsal",),
    ("POST", "/doctor/probe"): (f"POST {HERE}/doctor/probe",),
    ("POST", "/doctor/fix"): (f"POST {HERE}/plans",),
}
_FACT = re.compile(r"(?<!\S)(?=\S*[\d_./])[\w./-]{4,}(?!\S)")
"""Words that no prose has: keys' ids, files with their lines, settings, versions."""


def test_every_page_and_action_has_its_rows() -> None:
    """A page that comes without a row fails here, and so does a row that went away."""
    shown = {("GET", path) for path, _ in (*PAGES, *LIVE)}
    assert ROWS.keys() == shown | {("POST", path) for path, _ in ACTIONS}
    known = {f"{row.method} {row.path}" for row in OPERATIONS}
    for place, rows in ROWS.items():
        assert rows, place
        assert set(rows) <= known, place


@pytest.mark.parametrize("path", ["/", "/migrate", "/migrate/run", "/migrate/undo", "/doctor"])
async def test_what_a_page_says_its_rows_say(tmp_path: Path, path: str) -> None:
    """On a deployment that went through two phases, and on a broken one."""
    moved = Scene(tmp_path / "moved")
    ada = await sign_in(moved)
    await carry_out(ada)
    moved.containers.now += timedelta(minutes=21)
    await carry_out(ada)
    broken = Scene(tmp_path / "broken", asymmetric=True, broken=without_jwks)
    await check(ada, path)
    if path not in ("/migrate/run", "/migrate/undo"):
        await check(await sign_in(broken), path)


async def check(signed: Signed, path: str) -> None:
    answers = ""
    for row in ROWS["GET", path]:
        answer = await signed.call("GET", row.split()[1])
        assert answer.status_code == 200, row
        answers += answer.text.encode().decode("unicode_escape", "replace") + answer.text
    page = (await signed.get(path)).text
    said = html.unescape(re.sub(r"<[^>]*>", " ", page.split("</header>")[1]))
    facts = set(_FACT.findall(re.sub(r"[\"(),:;“”’]|\.(?=\s)", " ", said)))
    assert facts
    missing = sorted(one for one in facts if one not in answers)
    assert not [one for one in missing if one not in _WORDS], path


_WORDS = frozenset({".keyturn/"})
"""Of the page's own prose."""


async def test_whatever_a_form_says_a_row_takes(tmp_path: Path) -> None:
    """The names of every field of every form are members of the row's body, or choose the row."""
    scene = Scene(tmp_path / "supabase", asymmetric=True, broken=without_jwks)
    ada = await sign_in(scene)
    fields: dict[str, set[str]] = {}
    for path in ("/migrate", "/doctor", "/doctor/follow"):
        page = (await ada.get(path)).text
        for form in re.findall(r"<form.*?</form>", page, re.DOTALL):
            action = re.search(r'action="([^"]+)"', form)
            named = set(re.findall(r'name="(\w+)"', form)) - {"csrf", "verb"}
            fields.setdefault(action[1] if action else path, set()).update(named)
    document = (await ada.http.get("/admin/api/openapi.json")).json()
    schemas = document["components"]["schemas"]
    plan = set(schemas["MakePlan"]["properties"]) | {"finding"}
    assert fields["/migrate/rotation"] <= plan
    assert fields["/doctor/fix"] <= plan
    assert fields["/doctor/follow"] <= set(schemas["Follow"]["properties"])
    made = await ada.call("POST", "/deployment/plans", {"verb": "publish"})
    page = (await ada.get(f"/migrate/plans/{made.json()['id']}")).text.split("<main")[1]
    assert set(re.findall(r'name="(\w+)"', page)) - {"csrf"} <= set(
        schemas["ApplyPlan"]["properties"]
    )
