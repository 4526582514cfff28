"""Whatever happens to the files, reading answers or refuses, and never shows a secret."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping, Set
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.deploy.memory import Memory
from tests.support.deployments import ERAS, healthy

from keyturn.deploy.place import Place, Unreadable
from keyturn.deploy.read import inventory
from keyturn.deploy.source import Ask

WINDOW = 16
_ODD = "$${}'\"#\\\n\r\t:=-|>&*!%@`[],?~ \x00\ufeff\u2028é"
_PUBLIC = re.compile(r"https?://|^(?:supabase|authenticated|public,)")


def _yaml(value: str) -> str:
    return f"'{value}'" if value[:1] in ("[", "{") else value


class Fixture:
    """The files of one healthy deployment and every secret in them."""

    def __init__(self, folder: Path, era: str, *, inline: bool) -> None:
        healthy(folder, era)
        self.files: dict[str, str] = {
            path.relative_to(folder).as_posix(): path.read_text()
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }
        lines = (line.partition("=") for line in self.files[".env"].splitlines())
        values = {name: value for name, equals, value in lines if equals}
        self.secrets = {v for v in values.values() if len(v) >= WINDOW and not _PUBLIC.search(v)}
        if inline:
            self.files[".env"] = ""
            self.files["docker-compose.yml"] = re.sub(
                r"\$\{(\w+)(?::-[^{}]*(?:\{[^{}]*\})?[^{}]*)?\}",
                lambda match: _yaml(values.get(match[1], "")),
                self.files["docker-compose.yml"].replace(
                    "${JWT_JWKS:-${JWT_SECRET}}", "${JWT_JWKS}"
                ),
            )

    def shown(self, files: dict[str, str]) -> str:
        """Return everything that reading these files lets a user see."""
        encoded = {name: text.encode("utf-8", "surrogatepass") for name, text in files.items()}
        try:
            found = inventory(Memory(encoded), Ask())
        except Unreadable as error:
            return f"{error} {error!r} {error.as_dict()} {error.place}"
        everything = [repr(found), json.dumps(found.as_dict())]
        everything += [repr(one) for one in (*found.services.values(), *found.files)]
        return " ".join(everything)


def leaked(secrets: Set[str], shown: str) -> list[str]:
    """Return the windows of secrets that are visible."""
    return [
        secret[at : at + WINDOW]
        for secret in secrets
        for at in range(len(secret) - WINDOW + 1)
        if secret[at : at + WINDOW] in shown
    ]


@pytest.fixture(scope="module")
def fixtures(tmp_path_factory: pytest.TempPathFactory) -> list[Fixture]:
    return [
        Fixture(tmp_path_factory.mktemp("deployment"), era, inline=inline)
        for era in ERAS
        for inline in (False, True)
    ]


def mutated(draw: st.DrawFn, text: str) -> str:
    """Return the text after a few accidents."""
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(text)))
        match draw(st.sampled_from(["cut", "odd", "end", "twice", "swap", "text"])):
            case "cut":
                text = text[:at] + text[at + draw(st.integers(1, 30)) :]
            case "odd":
                text = text[:at] + draw(st.sampled_from(_ODD)) + text[at:]
            case "end":
                text = text[:at]
            case "twice":
                lines = text.splitlines(keepends=True) or [""]
                line = draw(st.integers(0, len(lines) - 1))
                text = "".join([*lines[: line + 1], *lines[line:]])
            case "swap":
                lines = text.splitlines(keepends=True) or [""]
                one, other = (draw(st.integers(0, len(lines) - 1)) for _ in range(2))
                lines[one], lines[other] = lines[other], lines[one]
                text = "".join(lines)
            case _:
                text = text[:at] + draw(st.text(max_size=5)) + text[at:]
    return text


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_accidents_never_show_a_secret(fixtures: list[Fixture], data: st.DataObject) -> None:
    fixture = data.draw(st.sampled_from(fixtures))
    name = data.draw(st.sampled_from([".env", "docker-compose.yml"]))
    files = dict(fixture.files)
    files[name] = data.draw(st.composite(mutated)(files[name]))
    assert leaked(fixture.secrets, fixture.shown(files)) == []


EXPORT = """
apiVersion: v1
kind: Secret
metadata: {name: jwt}
data:
  secret: %s
  anon-key: %s
stringData:
  jwks: '%s'
  plain: %s
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: rest}
spec:
  template:
    spec:
      containers:
        - name: rest
          image: postgrest/postgrest:v14.12
          args: [--x, $(JWKS)]
          envFrom:
            - secretRef: {name: jwt}
          env:
            - name: JWKS
              valueFrom: {secretKeyRef: {name: jwt, key: jwks}}
            - {name: LITERAL, value: %s}
          volumeMounts: [{name: v, mountPath: /etc/v}]
      volumes: [{name: v, secret: {secretName: jwt}}]
"""


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_accidents_in_an_export_never_show_a_secret(
    fixtures: list[Fixture], data: st.DataObject
) -> None:
    fixture = fixtures[0]
    plain, shared = sorted(fixture.secrets)[:2]
    encoded = [base64.b64encode(one.encode()).decode() for one in (plain, shared)]
    jwks = json.dumps({"keys": [shared]})
    text = EXPORT % (*encoded, jwks, plain, shared)
    shown = fixture.shown({"export.yaml": data.draw(st.composite(mutated)(text))})
    assert leaked({*fixture.secrets, *encoded}, shown) == []


def test_the_search_itself_finds(fixtures: list[Fixture]) -> None:
    assert all(len(one.secrets) >= 3 for one in fixtures)
    assert all(leaked(one.secrets, "x" + sorted(one.secrets)[0]) for one in fixtures)
    assert [leaked(one.secrets, one.shown(one.files)) for one in fixtures] == [[]] * len(fixtures)
    assert [refused(one.files) for one in fixtures] == [None] * len(fixtures)


def refused(files: Mapping[str, str | bytes]) -> Place | None:
    """Return where reading stops, None when it does not."""
    try:
        inventory(Memory(files), Ask())
    except Unreadable as error:
        return error.place
    return None


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.sampled_from([".env", "compose.yaml", "x.env"]), st.binary(max_size=80)))
def test_any_bytes_are_read_or_refused(files: dict[str, bytes]) -> None:
    place = refused({"compose.yaml": b"services: {a: {env_file: x.env}}", **files})
    assert place is None or (place.line >= 1 and place.column >= 1)


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="abk: -[]{}\n\t'\"&*!|>#%?,<$", max_size=60))
def test_any_yaml_is_read_or_refused(text: str) -> None:
    for start in ("", "services:\n  a:\n    environment:\n", "services: {a: {image: "):
        place = refused({"compose.yaml": start + text})
        assert place is None or place.file == "compose.yaml"


@pytest.mark.parametrize(
    "text",
    [
        "[" * 5_000,
        "{a: " * 5_000,
        "- " * 50_000,
        "a: &a [*a, *a]",
        "a: &a\n  <<: *a",
        "x: &a [1]\n" + "".join(f"y{i}: &a [*a, *a]\n" for i in range(60)),
        "services: {a: {environment: &e {<<: *e}}}",
        "services: {a: {extends: a}}",
    ],
)
def test_bombs_are_refused_or_harmless(text: str) -> None:
    place = refused({"compose.yaml": text})
    assert place is None or place.file == "compose.yaml"


def test_a_file_that_is_too_large() -> None:
    with pytest.raises(Unreadable, match="larger than 4 MiB"):
        inventory(Memory({"compose.yaml": b"#" * (4 * 1024 * 1024 + 1)}), Ask())
