"""One setting of a compose file changes; comments, order, quoting and line endings stay."""

from __future__ import annotations

import pytest

from keyturn.deploy.rewrite_compose import (
    commented_template,
    remove_setting,
    set_healthcheck,
    set_setting,
    uncomment_setting,
)
from keyturn.deploy.rewrite_errors import CannotRewrite

BASE = """\
# our stack
services:

  auth:
    image: supabase/gotrue:v2.189.0   # pinned
    environment:
      GOTRUE_JWT_EXP: ${JWT_EXPIRY}

      # Legacy symmetric HS256 key
      GOTRUE_JWT_SECRET: ${JWT_SECRET}
      # For Podman, use: GOTRUE_JWT_KEYS: ${JWT_KEYS}
      #GOTRUE_JWT_KEYS: ${JWT_KEYS:-[]}

      QUOTED: 'a: b' # keep me
      BLOCK: |
        #GOTRUE_JWT_KEYS: not a comment
        two
      # trailing comment

  storage:
    environment:
      - AUTH_JWT_SECRET=${JWT_SECRET}
      #- JWT_JWKS=${JWT_JWKS:-{"keys":[]}}
      - LAST="x"
    healthcheck:
      test:
        [
          "CMD-SHELL",
          'curl -H "Authorization: Bearer ${ANON_KEY}" http://x/${ANON_KEY_X}' # note
        ]
  plain:
    image: x
"""

KEYS_LINE = "GOTRUE_JWT_KEYS: ${JWT_KEYS:-[]}"
SECRET_LINE = "GOTRUE_JWT_SECRET: ${JWT_SECRET}"
ISSUER = f"{SECRET_LINE}\n      GOTRUE_JWT_ISSUER: ${{U}}\n      # For"
BLOCK = "|\n        #GOTRUE_JWT_KEYS: not a comment\n        two\n"
NEW_BLOCK = "    image: x\n    environment:\n      NEW: ${X}\n"


def put(service: str, name: str, template: str, text: str = BASE) -> str:
    return set_setting(text.encode(), "docker-compose.yml", service, name, template).decode()


def change(old: str, new: str, text: str = BASE) -> str:
    assert text.count(old) == 1
    return text.replace(old, new)


def test_uncommenting_takes_away_one_sign() -> None:
    after = uncomment_setting(BASE.encode(), "f", "auth", "GOTRUE_JWT_KEYS").decode()
    assert after == change("#GOTRUE_JWT_KEYS: ${", "GOTRUE_JWT_KEYS: ${")
    assert commented_template(BASE.encode(), "f", "auth", "GOTRUE_JWT_KEYS") == "${JWT_KEYS:-[]}"


def test_uncommenting_an_item_of_a_list() -> None:
    after = uncomment_setting(BASE.encode(), "f", "storage", "JWT_JWKS").decode()
    assert after == change("#- JWT_JWKS", "- JWT_JWKS")


def test_uncommenting_what_is_active_changes_nothing() -> None:
    assert uncomment_setting(BASE.encode(), "f", "auth", "QUOTED") == BASE.encode()


@pytest.mark.parametrize(
    ("service", "name", "template", "old", "new"),
    [
        ("auth", "GOTRUE_JWT_EXP", "600", "${JWT_EXPIRY}", '"600"'),
        ("auth", "QUOTED", "${X}", "'a: b' #", "'${X}' #"),
        ("auth", "GOTRUE_JWT_KEYS", "${K}", f"#{KEYS_LINE}", "GOTRUE_JWT_KEYS: ${K}"),
        ("auth", "BLOCK", "${X}", f"BLOCK: {BLOCK}", "BLOCK: ${X}\n"),
        ("auth", "NEW", '{"a":1}', "        two\n", "        two\n      NEW: '{\"a\":1}'\n"),
        ("auth", "GOTRUE_JWT_ISSUER", "${U}", f"{SECRET_LINE}\n      # For", ISSUER),
        ("storage", "LAST", "${L}", '- LAST="x"', "- LAST=${L}"),
        ("storage", "AUTH_JWT_SECRET", "${S}", "_SECRET=${JWT_SECRET}", "_SECRET=${S}"),
        ("storage", "NEW", "a #b", '- LAST="x"\n', '- LAST="x"\n      - "NEW=a #b"\n'),
        ("plain", "NEW", "${X}", "    image: x\n", NEW_BLOCK),
    ],
)
def test_set(service: str, name: str, template: str, old: str, new: str) -> None:
    assert put(service, name, template) == change(old, new)


def test_setting_what_is_there_changes_nothing() -> None:
    assert put("auth", "GOTRUE_JWT_EXP", "${JWT_EXPIRY}") == BASE


@pytest.mark.parametrize(
    ("service", "name", "old"),
    [
        ("auth", "QUOTED", "      QUOTED: 'a: b' # keep me\n"),
        (
            "auth",
            "BLOCK",
            "      BLOCK: |\n        #GOTRUE_JWT_KEYS: not a comment\n        two\n",
        ),
        ("storage", "LAST", '      - LAST="x"\n'),
    ],
)
def test_remove(service: str, name: str, old: str) -> None:
    assert remove_setting(BASE.encode(), "f", service, name).decode() == change(old, "")


def test_removing_the_only_setting_removes_the_heading() -> None:
    given = put("plain", "NEW", "${X}")
    assert remove_setting(given.encode(), "f", "plain", "NEW").decode() == BASE


def test_a_healthcheck_names_another_variable() -> None:
    after = set_healthcheck(BASE.encode(), "f", "storage", "${ANON_KEY}", "${HEALTH}").decode()
    assert after == change("Bearer ${ANON_KEY}", "Bearer ${HEALTH}")


def test_a_healthcheck_that_does_not_say_it_is_refused() -> None:
    with pytest.raises(CannotRewrite, match=r"f:\d+: .*does not say \$\{X\}"):
        set_healthcheck(BASE.encode(), "f", "storage", "${X}", "${Y}")


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("bom", ["", "\ufeff"])
@pytest.mark.parametrize("final", [True, False])
def test_line_endings_bom_and_last_line_survive(end: str, bom: str, final: bool) -> None:
    text = bom + BASE.replace("\n", end)
    text = text if final else text.removesuffix(end)
    after = put("plain", "NEW", "${X}", text)
    expected = f"    environment:{end}      NEW: ${{X}}"
    assert after == (text + expected + end if final else text + end + expected)
    assert put("auth", "GOTRUE_JWT_EXP", "1", text) == text.replace("${JWT_EXPIRY}", '"1"')


REFUSED = {
    "flow mapping": ("environment: {A: 1}", r"f:4.*not a block"),
    "alias": ("environment: *shared", r"f:4.*not a block"),
    "anchor used elsewhere": (
        "environment: &mine\n      B: 1\n  t:\n    environment: *mine",
        "something else",
    ),
    "twice": ("environment:\n      A: 1\n      A: 2", r"f:6.*twice"),
    "value is an alias": ("environment:\n      A: *word", r"f:5.*alias"),
    "no such service": (None, r"no service s in this file"),
    "flow service": (None, r"not written as a block"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_refused_with_place_and_remedy(what: str) -> None:
    environment, message = REFUSED[what]
    head = "x-a: &shared {Z: 1, Y: &word w}\nservices:\n"
    body = f"  s:\n    {environment}\n" if environment else "  other: {}\n"
    text = "services:\n  s: {image: x}\n" if what == "flow service" else head + body
    with pytest.raises(CannotRewrite, match=message) as refusal:
        set_setting(text.encode(), "f", "s", "A", "${NEW}")
    assert refusal.value.hint
    assert refusal.value.place.line


def test_two_commented_lines_are_refused_where_one_must_be_chosen() -> None:
    text = BASE.replace("      QUOTED", "      # GOTRUE_JWT_KEYS: ${MINE}\n      QUOTED")
    with pytest.raises(CannotRewrite, match="more than once: lines 12, 14"):
        uncomment_setting(text.encode(), "f", "auth", "GOTRUE_JWT_KEYS")
    assert "GOTRUE_JWT_KEYS: ${K}\n" in put("auth", "GOTRUE_JWT_KEYS", "${K}", text)


def test_a_merged_mapping_is_overridden_and_not_changed() -> None:
    text = "x-e: &e\n  A: 1\nservices:\n  s:\n    environment:\n      <<: *e\n      B: 2\n"
    assert put("s", "A", "${N}", text) == text + "      A: ${N}\n"
    only = text.removesuffix("      B: 2\n")
    assert put("s", "A", "${N}", only) == only + "      A: ${N}\n"
