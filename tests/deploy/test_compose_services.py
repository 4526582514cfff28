"""What one service gets: every form of ``environment`` and ``env_file``, with origin and place."""

from __future__ import annotations

import pytest
from tests.deploy.memory import codes, compose, given, read

from keyturn.deploy.inventory import Kind
from keyturn.deploy.opened import text
from keyturn.deploy.place import Unreadable
from keyturn.deploy.setting import Origin


@pytest.mark.parametrize(
    ("scalar", "expected"),
    [
        ("yes", "yes"), ("on", "on"), ("Off", "Off"), ("n", "n"),
        ("true", "true"), ("True", "true"), ("FALSE", "false"), ('"True"', "True"),
        ("4000", "4000"), ("0x10", "16"), ("0o20", "16"), ("020", "16"), ("1_000", "1000"),
        ("'020'", "020"), ("+5", "5"), ("089", "89"), ("0b11", "3"),
        ("16.8", "16.8"), ("1.0", "1"), ("1e6", "1e+06"), ("1e3", "1000"), (".5", "0.5"),
        ("0.0000001", "1e-07"), ("12345678.5", "1.23456785e+07"), ("0.0.0.0", "0.0.0.0"),
        ("12e", "12e"), ("v1", "v1"), ('""', ""), ("|\n  two\n  lines\n", "two\nlines\n"),
        (">-\n  one\n  line", "one line"), ("'it''s'", "it's"), ('"a\\tb"', "a\tb"),
        ("!!str 020", "020"), ("${UNSET:-020}", "020"), ("~x", "~x"), ("a$$b", "a$b"),
        ("18446744073709551616", "1.8446744073709552e+19"), ("-0x1F", "-31"),
    ],
)  # fmt: skip
def test_how_scalars_reach_the_container(scalar: str, expected: str) -> None:
    assert given(compose(f"K: {scalar}")) == {"K": expected}


@pytest.mark.parametrize("empty", ["K:", "K: ~", "K: null", "- K"])
def test_a_name_alone_is_looked_up_outside(empty: str) -> None:
    assert given(compose(empty)) == {"K": None}
    assert given(compose(empty), environment={"K": "p"}) == {"K": "p"}
    found = read({**compose(empty), ".env": "K=1"}).services["a"].settings["K"]
    assert text(found) == "1"
    assert found.origin is Origin.DOT_ENV
    assert str(found.variables[0].place) == ".env:1"
    service = read(compose(empty)).services["a"]
    assert service.get("K") is None
    assert not service.settings["K"].is_set


def test_both_forms_say_the_same() -> None:
    listed = given({**compose("- A=${X}\n- 'B=a=b'\n- C=${Y:-{\"keys\":[]}}"), ".env": "X=1"})
    mapped = given({**compose('A: ${X}\nB: a=b\nC: ${Y:-{"keys":[]}}'), ".env": "X=1"})
    assert listed == mapped == {"A": "1", "B": "a=b", "C": '{"keys":[]}'}


def test_origin_template_and_variables() -> None:
    found = read({
        **compose(
            'L: text\nE: ${X}\nP: ${Y}\nD: ${Z:-[]}\nN: "${Z:-${X}}"\nU: ${Z}\n'
        ),
        ".env": "X=1",
    }, environment={"Y": "2"}).services["a"].settings  # fmt: skip
    assert {name: one.origin for name, one in found.items()} == {
        "L": Origin.LITERAL,
        "E": Origin.DOT_ENV,
        "P": Origin.PROCESS,
        "D": Origin.DEFAULT,
        "N": Origin.DOT_ENV,
        "U": Origin.DOT_ENV,
    }
    assert found["L"].template is None
    assert found["N"].template == "${Z:-${X}}"
    assert [(one.name, one.value is not None) for one in found["N"].variables] == [
        ("Z", False),
        ("X", True),
    ]
    assert (found["N"].place.line, found["N"].place.column) == (9, 7)
    assert text(found["U"]) == ""


def test_variables_that_are_not_set_are_noted_once() -> None:
    found = read({**compose("A: ${X_Y}\nB: ${X_Y}"), ".env": ""})
    assert codes(found.notes) == ["unset_variable"]
    assert "X_Y" in found.notes[-1].message
    assert str(found.notes[-1].place) == "compose.yaml:5"


def test_a_dollar_in_a_secret_is_noted_without_the_piece() -> None:
    found = read({**compose("A: x"), ".env": "PASSWORD=pa$Xy7word"})
    assert text(found.variables["PASSWORD"]) == "pa"
    (note,) = [one for one in found.notes if one.code == "unset_variable"]
    assert str(note.place) == ".env:1"
    assert "Xy7word" not in repr(found)
    assert "$$" in note.message


ENV_FILES = {"1.env": "A=1\nB='${X}'\nC=${X}\nD=$A", "2.env": "A=2"}


@pytest.mark.parametrize(
    ("env_file", "expected"),
    [
        ("1.env", {"A": "1", "B": "${X}", "C": "x", "D": "1"}),
        ("[1.env, 2.env]", {"A": "2", "B": "${X}", "C": "x", "D": "1"}),
        ("[2.env, 1.env]", {"A": "1", "B": "${X}", "C": "x", "D": "1"}),
        ("[{path: 2.env, required: true}]", {"A": "2"}),
        ("[{path: none.env, required: false}, 2.env]", {"A": "2"}),
        ("[{path: 1.env, format: raw}]", {"A": "1", "B": "'${X}'", "C": "${X}", "D": "$A"}),
        ("${WHICH:-2.env}", {"A": "2"}),
    ],
)
def test_every_form_of_env_file(env_file: str, expected: dict[str, str]) -> None:
    text_of = f"services:\n  a:\n    image: x\n    env_file: {env_file}\n"
    assert given({"compose.yaml": text_of, ".env": "X=x", **ENV_FILES}) == expected


def test_environment_outranks_env_file_and_places_tell() -> None:
    text_of = "services:\n  a:\n    image: x\n    env_file: 1.env\n    environment: {A: own, E: }\n"
    found = read({"compose.yaml": text_of, "1.env": "A=1\nB=$A\nE=2"}).services["a"].settings
    assert text(found["A"]) == "own"
    # In the env file's interpolations the service's environment outranks the file's own lines.
    assert text(found["B"]) == "own"
    assert (found["B"].origin, str(found["B"].place)) == (Origin.ENV_FILE, "1.env:2")
    assert found["E"].value is None


def test_an_env_file_that_is_missing_or_broken() -> None:
    text_of = "services:\n  a:\n    image: x\n    env_file: sub/x.env\n"
    found = read({"compose.yaml": text_of, ".env": ""})
    assert codes(found.notes) == ["missing_file"]
    assert "sub/x.env" in found.notes[-1].message
    with pytest.raises(Unreadable, match=r"^sub/x\.env, line 2, column 3"):
        read({"compose.yaml": text_of, "sub/x.env": "A=1\nB='"})


def test_anchors_and_merges() -> None:
    text_of = """
x-env: &env
  A: 1
  B: ${X:-2}
x-more: &more
  C: 3
  A: not this
services:
  a:
    image: x
    environment:
      <<: [*env, *more]
      B: own
  b:
    image: y
    environment: *env
"""
    assert given({"compose.yaml": text_of}) == {"A": "1", "B": "own", "C": "3"}
    assert given({"compose.yaml": text_of}, "b") == {"A": "1", "B": "2"}
    assert (
        str(read({"compose.yaml": text_of}).services["b"].settings["B"].place) == "compose.yaml:4"
    )


COMMENTED = """
services:
  auth:
    image: supabase/gotrue:v2.189.0
    environment:
      A: 1
      #GOTRUE_JWT_KEYS: ${JWT_KEYS:-[]}
      # GOTRUE_SECRET: hunter2
#      LEFT_EDGE: ${X}
      # Prose: not a setting
      TEXT: |
        #INSIDE: text
      #A: 2

      # - "LISTED=${Y}"
    # OUTSIDE: x
    restart: always
      #LATER: x
  # db:
  #   environment:
  #     OTHER: ${X}
  b:
    image: x
    environment:
      - Z=1
      # - W=${X:-hunter2}
"""


def test_settings_behind_a_hash() -> None:
    found = read({"compose.yaml": COMMENTED})
    auth = found.services["auth"].commented
    assert {name: (one.place.line, one.template) for name, one in auth.items()} == {
        "GOTRUE_JWT_KEYS": (7, "${JWT_KEYS:-[]}"),
        "GOTRUE_SECRET": (8, None),
        "LEFT_EDGE": (9, "${X}"),
        "LISTED": (15, "${Y}"),
    }
    assert auth["GOTRUE_JWT_KEYS"].place.column == 8
    assert {name: one.template for name, one in found.services["b"].commented.items()} == {
        "W": "${X:-…}"
    }


def test_variables_behind_a_hash() -> None:
    found = read(
        {**compose("A: 1"), ".env": "#JWT_KEYS=[]\n# JWT_JWKS=\nJWT_JWKS={}\n#X_Y=hunter2"}
    )
    assert list(found.commented_variables) == ["JWT_KEYS", "X_Y"]
    assert "hunter2" not in repr(found)


@pytest.mark.parametrize(
    ("test", "expected"),
    [
        ('[CMD, "Authorization: Bearer ${ANON_KEY}"]', "…Authorization: Bearer ${ANON_KEY}"),
        ("\"curl -H 'apikey: ${ANON_KEY}' http://x\"", "…apikey: ${ANON_KEY}…"),
        ("curl -u admin:hunter2 ${URL_A}", "…${URL_A}"),
        ("curl http://x", None),
    ],
)  # fmt: skip
def test_a_healthcheck_is_one_line(test: str, expected: str | None) -> None:
    text_of = f"services:\n  a:\n    image: x\n    healthcheck:\n      test: {test}\n"
    found = read({"compose.yaml": text_of, ".env": "ANON_KEY=k\nURL_A=u"}).services["a"].healthcheck
    assert found is not None
    assert found.template == expected
    assert "$" not in (text(found) or "$")
    assert found.place.line == 5


@pytest.mark.parametrize("off", ["{disable: true}", "{test: [NONE]}", "{interval: 5s}"])
def test_no_healthcheck(off: str) -> None:
    text_of = f"services:\n  a:\n    image: x\n    healthcheck: {off}\n"
    assert read({"compose.yaml": text_of}).services["a"].healthcheck is None


def test_entrypoint_and_command_together() -> None:
    text_of = "services:\n  a:\n    image: x\n    entrypoint: [sh, -c]\n    command: echo ${A_B}\n"
    found = read({"compose.yaml": text_of, ".env": "A_B=1"}).services["a"].command
    assert text(found) == "sh -c echo 1"
    assert found is not None
    assert [one.name for one in found.variables] == ["A_B"]


@pytest.mark.parametrize(
    ("image", "kind", "version"),
    [
        ("supabase/gotrue:v2.189.0", Kind.AUTH, (2, 189, 0)),
        ("supabase/auth:v2.196.0-rc.1", Kind.AUTH, (2, 196, 0)),
        ("postgrest/postgrest:v14.12", Kind.REST, (14, 12)),
        ("postgrest/postgrest:latest", Kind.REST, None),
        ("postgrest/postgrest", Kind.REST, None),
        ("postgrest/postgrest:v12.2.0@sha256:ab12", Kind.REST, (12, 2, 0)),
        ("postgrest/postgrest@sha256:ab12", Kind.REST, None),
        ("ghcr.io/supabase/realtime:v2.34.40", Kind.REALTIME, (2, 34, 40)),
        ("registry:5000/mirror/storage-api:v1.19.3", Kind.STORAGE, (1, 19, 3)),
        ("registry:5000/storage-api", Kind.STORAGE, None),
        ("supabase/edge-runtime:v1.74.0", Kind.FUNCTIONS, (1, 74, 0)),
        ("kong:2.8.1", Kind.KONG, (2, 8, 1)),
        ("kong/kong:3.9.1", Kind.KONG, (3, 9, 1)),
        ("envoyproxy/envoy:v1.31-latest", Kind.ENVOY, (1, 31)),
        ("supabase/studio:2026.06.03-sha-0bca601", Kind.STUDIO, (2026, 6, 3)),
        ("supabase/supavisor:2.9.5", Kind.POOLER, (2, 9, 5)),
        ("supabase/postgres:15.8.1.085", Kind.DATABASE, (15, 8, 1, 85)),
        ("postgres:17-alpine", Kind.DATABASE, (17,)),
        ("timberio/vector:0.53.0-alpine", Kind.VECTOR, (0, 53, 0)),
        ("darthsim/imgproxy:v3.8.0", Kind.IMGPROXY, (3, 8, 0)),
        ("supabase/logflare:1.43.1", Kind.ANALYTICS, (1, 43, 1)),
        ("supabase/postgres-meta:v0.96.6", Kind.META, (0, 96, 6)),
        # Not Supabase's.
        ("mycorp/auth:1.0", None, (1, 0)),
        ("mycorp/studio", None, None),
        ("redis:7", None, (7,)),
        ("minio/minio:RELEASE.2025-04-22T22-12-26Z", None, None),
        ("", None, None),
    ],
)
def test_what_an_image_is(image: str, kind: Kind | None, version: tuple[int, ...] | None) -> None:
    found = read({"compose.yaml": f"services:\n  a:\n    image: '{image}'\n", ".env": ""})
    assert found.services["a"].kind is kind
    assert found.services["a"].version == version
    assert [one.code for one in found.notes] == ([] if kind else ["unknown_service"])
