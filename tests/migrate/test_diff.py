"""What a diff shows, and that it never shows a value."""

from __future__ import annotations

import json

from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.support.deployments import NOW, api_claims, new_keys

from keyturn.deploy.rewrite_dotenv import quoted
from keyturn.migrate.diff import unified, variable_changes
from keyturn.migrate.value_words import in_words
from keyturn.secret import Secret

KEYS = new_keys()
KID, STANDBY = KEYS.ec.kid[:6], KEYS.standby.kid[:6]
SIGNING = f"[3 keys: {KID}… sign, {STANDBY}… verify only, private, legacy] ("


def test_an_env_file() -> None:
    before = "# secrets\nA=1\nJWT_KEYS=\nPEM='-----BEGIN\nMIIE\n'\n# B=hidden\nC=xyz\n"
    after = before.replace("JWT_KEYS=", f"JWT_KEYS={KEYS.jwt_keys}").replace("xyz", "uvw")
    shown = unified(".env", Secret(before), Secret(after), kind="env").splitlines()
    assert shown[:6] == [
        "--- .env",
        "+++ .env",
        "@@ -1,8 +1,8 @@",
        " # …",
        " A=…",
        "-JWT_KEYS=‹empty›",
    ]
    assert shown[6].startswith(f"+JWT_KEYS=‹{SIGNING}")
    assert shown[7:11] == [" PEM=…", " …", " …", " #B=…"]
    assert shown[11].startswith("-C=‹3 characters (")
    assert shown[12].startswith("+C=‹3 characters (")
    assert shown[11] != shown[12]


def test_a_compose_file() -> None:
    before = (
        "services:\n  auth:\n    environment:\n      # say ${X}\n      A: hunter2\n"
        '      #KEYS: ${KEYS:-[]}\n      - B=x\n    test: ["CMD", "curl -H Bearer ${ANON_KEY} x"]\n'
    )
    after = (
        before.replace("#KEYS", "KEYS")
        .replace("hunter2", "${A:-fallback}")
        .replace("${ANON_KEY}", "${HEALTH}")
    )
    shown = unified("c.yml", Secret(before), Secret(after), kind="compose").splitlines()
    assert shown[3:6] == ["   auth:", "     environment:", "       # …"]
    assert shown[6].startswith("-      A: ‹7 characters (")
    assert shown[7:] == [
        "-      #KEYS: ${KEYS:-[]}",
        "+      A: ${A:-…}",
        "+      KEYS: ${KEYS:-[]}",
        "       - B=…",
        "-    test: …${ANON_KEY}…",
        "+    test: …${HEALTH}…",
    ]


def test_other_files_are_counted() -> None:
    shown = unified("kong.yml", Secret("a\nb\nc\n"), Secret("a\nx\ny\nc\n"), kind="other")
    assert shown.splitlines()[2] == "@@ 1 lines out, 2 lines in; the content is not shown @@"
    created = unified("new", None, Secret("a\n"), kind="other")
    assert created.splitlines()[0] == "--- /dev/null"


def test_values_in_words() -> None:
    assert in_words("") == "empty"
    assert in_words('{"keys":[]}').startswith("[no keys] (")
    assert in_words(KEYS.jwt_jwks).startswith(
        f"[3 keys: {KID}… verify, {STANDBY}… verify, legacy] ("
    )
    article = json.dumps([{"alg": "ES256", "key_id": "article-key", "private_key": "PEM"}])
    assert in_words(article).startswith("[1 key: articl… sign] (")
    spare = json.dumps([KEYS.ec.jwk(private=True) | {"key_ops": ["verify"]}])
    assert in_words(spare).startswith(f"[1 key: {KID}… verify only, private] (")
    assert in_words(KEYS.anon).startswith("anon token, HS256, until 2031-11-")
    assert in_words(KEYS.service_role_asymmetric).startswith(
        f"service_role token, ES256 by {KID}…, until "
    )
    claims = api_claims("my-role-is-secret", NOW)
    assert "my-role" not in in_words(KEYS.ec.token(claims))
    assert in_words(KEYS.secret).startswith("secret key (")
    assert in_words("eyJ.x.y").startswith("7 characters (")
    assert in_words("[1,2]").startswith("5 characters (")


SECRETS = st.text(
    st.one_of(st.sampled_from("aZ09+/=:_-. #'\"$\\\n{}[]"), st.characters(codec="utf-8")),
    min_size=9,
    max_size=60,
).filter(lambda text: "\0" not in text)


def leaks(secret: str, shown: str) -> bool:
    """Whether seven characters in a row of it are shown, names and markers apart."""
    parts = [secret[i : i + 7] for i in range(len(secret) - 6)]
    return any(part in shown for part in parts if sum(c.isalnum() for c in part) == 7)


@settings(deadline=None)
@given(SECRETS, SECRETS, st.booleans())
@example("AAAABBBB1=x", "B64line7=\nabcdefghij==", True)
def test_no_seven_characters_of_a_secret_are_shown(old: str, new: str, comment: bool) -> None:
    lines = f"# {old[:9]}\nA=1\n" if comment else ""
    before = f"{lines}KEY={quoted(old)}\nOTHER={quoted(new)}\n"
    after = f"{lines}KEY={quoted(new)}\nOTHER={quoted(old)}\n"
    shown = unified(".env", Secret(before), Secret(after), kind="env")
    shown += "\n".join(variable_changes(Secret(before), Secret(after), ".env"))
    assert not leaks(old, shown)
    assert not leaks(new, shown)


@settings(deadline=None)
@given(SECRETS, SECRETS)
@example("aaaaaaaaa: b", "- ABCDEFGHI=x")
@example("sb_publishable_", "000000000")
def test_nor_of_a_literal_in_a_compose_file(old: str, new: str) -> None:
    def document(value: str) -> Secret:
        block = "\n".join(f"        {line}" for line in value.splitlines())
        return Secret(
            f"services:\n  a:\n    environment:\n      KEY: {json.dumps(value)}\n"
            f"      - N={value}\n      BLOCK: |\n{block}\n      # {value}\n      #K: {value}\n"
        )

    shown = unified("c.yml", document(old), document(new), kind="compose")
    names = {
        line.strip().partition(":")[0].partition("=")[0] for line in (old + "\n" + new).split("\n")
    }
    for name in names:
        shown = shown.replace(name, "") if name else shown
    assert not leaks(old, shown)
    assert not leaks(new, shown)
