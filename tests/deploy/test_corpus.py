"""Real deployments of three and a half years, read as they are."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.deploy.corpus import CORPUS, corpus_entries

from keyturn.adapters.deployment_files import FolderSource
from keyturn.deploy.inventory import Inventory, Kind
from keyturn.deploy.read import inventory
from keyturn.deploy.setting import Origin
from keyturn.deploy.source import Ask

pytestmark = pytest.mark.skipif(not CORPUS.is_dir(), reason="../shared/corpus is not here")

VERSIONS = {
    "official-2023-01": {
        Kind.AUTH: (2, 40, 1), Kind.REST: (9, 0, 1, 20220717), Kind.REALTIME: (2, 1, 0),
        Kind.STORAGE: (0, 26, 1), Kind.KONG: (2, 8, 1),
    },
    "official-2025-04": {
        Kind.AUTH: (2, 167, 0), Kind.REST: (12, 2, 0), Kind.REALTIME: (2, 33, 70),
        Kind.STORAGE: (1, 14, 5), Kind.FUNCTIONS: (1, 66, 4), Kind.KONG: (2, 8, 1),
        Kind.DATABASE: (15, 8, 1, 20), Kind.POOLER: (1, 1, 56),
    },
    "official-2026-07": {
        Kind.AUTH: (2, 189, 0), Kind.REST: (14, 12), Kind.REALTIME: (2, 102, 3),
        Kind.STORAGE: (1, 60, 4), Kind.FUNCTIONS: (1, 74, 0), Kind.KONG: (3, 9, 1),
        Kind.DATABASE: (15, 8, 1, 85), Kind.POOLER: (2, 9, 5), Kind.META: (0, 96, 6),
    },
    "variant-envoy-2026-06": {
        Kind.AUTH: (2, 189, 0), Kind.REST: (14, 12), Kind.VECTOR: (0, 53, 0),
        Kind.ANALYTICS: (1, 43, 1), Kind.KONG: (3, 9, 1), Kind.DATABASE: (17, 6, 1, 136),
    },
}  # fmt: skip


def look(name: str, *files: str) -> Inventory:
    folder = CORPUS / name
    if not folder.is_dir():
        pytest.skip(f"no {name} in the corpus")
    return inventory(FolderSource(folder), Ask(files=files, env_files=(".env.example",)))


@pytest.mark.parametrize("name", VERSIONS)
def test_services_kinds_and_versions(name: str) -> None:
    found = look(name)
    for kind, version in VERSIONS[name].items():
        service = found.of_kind(kind)
        assert service is not None
        assert service.version == version
    assert found.gateway is not None
    assert found.gateway.name == "kong"
    assert {one.name for one in found.unknown} == (
        {"rustfs", "rustfs-createbucket"} if name.startswith("variant") else set()
    )


def test_places_are_the_files_lines() -> None:
    """Every place names the line where the thing stands, checked against the file's text."""
    for entry in corpus_entries():
        found = inventory(FolderSource(entry), Ask(env_files=(".env.example",)))
        for service in found.services.values():
            for setting in service.settings.values():
                assert _at(entry, setting.place.file, setting.place.line, setting.place.column,
                           setting.name)  # fmt: skip
                for variable in setting.variables:
                    if variable.place is not None:
                        place = variable.place
                        assert _at(entry, place.file, place.line, place.column, variable.name)
            for commented in service.commented.values():
                place = commented.place
                assert _at(entry, place.file, place.line, place.column, commented.name)
                line = (entry / place.file).read_text().splitlines()[place.line - 1]
                assert line.lstrip().startswith("#")


def _at(entry: Path, file: str, line: int, column: int, expected: str) -> bool:
    text = (entry / file).read_text().splitlines()[line - 1]
    return text[column - 1 :].startswith(expected)


def test_july_2026_is_not_yet_asymmetric() -> None:
    found = look("official-2026-07")
    for service, name in (
        ("auth", "GOTRUE_JWT_KEYS"),
        ("realtime", "API_JWT_JWKS"),
        ("storage", "JWT_JWKS"),
        ("functions", "SUPABASE_JWKS"),
    ):
        assert name not in found.services[service].settings
        assert "JWT_" in (found.services[service].commented[name].template or "")
    rest = found.services["rest"].settings["PGRST_JWT_SECRET"]
    assert rest.template == "${JWT_JWKS:-${JWT_SECRET}}"
    assert rest.fingerprint == found.services["auth"].settings["GOTRUE_JWT_SECRET"].fingerprint
    health = found.services["realtime"].healthcheck
    assert health is not None
    assert [one.name for one in health.variables] == ["ANON_KEY"]


def test_2023_has_its_keys_in_kong_yml() -> None:
    kong = look("official-2023-01").services["kong"]
    (document,) = kong.documents
    assert document.target == "/var/lib/kong/kong.yml"
    assert "keyauth_credentials" in (document.text or "")


def test_an_override_adds_its_services() -> None:
    found = look("official-2026-07", "docker-compose.yml", "docker-compose.logs.yml",
                 "docker-compose.s3.yml")  # fmt: skip
    assert found.services["analytics"].kind is Kind.ANALYTICS
    studio = found.services["studio"].settings
    assert studio["LOGFLARE_PRIVATE_ACCESS_TOKEN"].place.file == "docker-compose.logs.yml"
    assert studio["SUPABASE_ANON_KEY"].place.file == "docker-compose.yml"
    assert found.services["storage"].settings["STORAGE_BACKEND"].place.file.endswith("s3.yml")


@pytest.mark.parametrize("entry", corpus_entries(), ids=lambda entry: entry.name)
def test_without_dot_env_it_says_so(entry: Path) -> None:
    found = inventory(FolderSource(entry), Ask())
    note = next(one for one in found.notes if one.code == "no_env_file")
    assert ".env.example" in note.message
    assert found.variables == {}
    auth = found.of_kind(Kind.AUTH)
    assert auth is not None
    assert not auth.settings["GOTRUE_JWT_SECRET"].is_set
    assert auth.settings["GOTRUE_JWT_SECRET"].origin is Origin.DOT_ENV


@pytest.mark.parametrize("entry", corpus_entries(), ids=lambda entry: entry.name)
def test_no_value_of_the_env_file_is_shown(entry: Path) -> None:
    found = inventory(FolderSource(entry), Ask(env_files=(".env.example",)))
    shown = repr(found) + json.dumps(found.as_dict())
    lines = (line.partition("=") for line in (entry / ".env.example").read_text().splitlines())
    secrets = {v for n, _, v in lines if not n.startswith("#") and len(v) >= 24 and "http" not in v}
    assert len(secrets) >= 3
    assert [value for value in secrets if value in shown] == []
