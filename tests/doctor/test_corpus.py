"""Unmodified official files: nothing is found but what is truly wrong with them.

The folders are those of ``../shared/corpus``; the files are read where they are and never copied.
What is expected of each, and why it is true:

* KT048, KT055, KT057: ``.env.example`` carries a JWT_SECRET, API keys and passwords that everybody
  knows, and the keys end on 9 January 2027;
* KT046: the ``kong.yml`` of April 2025 passes ``/realtime/v1/api/tenants`` on to Realtime;
* KT093: the ``kong.yml`` of January 2023 carries keys of its own, which are not those of
  ``.env.example``;
* KT019: the variant with Envoy leaves ANON_KEY empty, so the health check sends an empty token.

The modes of the files are this machine's, so KT077 is left out.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.doctor.case import facts_of

from keyturn.adapters.deployment_files import FolderSource
from keyturn.deploy.read import inventory
from keyturn.deploy.source import Ask
from keyturn.doctor.catalogue import examine
from keyturn.doctor.finding import Finding
from keyturn.doctor.readiness import readiness

CORPUS = Path(__file__).resolve().parents[3] / "shared" / "corpus"
pytestmark = pytest.mark.skipif(not CORPUS.is_dir(), reason="../shared/corpus is not here")

PUBLIC_DEFAULTS = {"KT048", "KT055", "KT057"}
EXPECTED = {
    "official-2023-01": PUBLIC_DEFAULTS | {"KT093"},
    "official-2025-04": PUBLIC_DEFAULTS | {"KT046"},
    "official-2026-07": PUBLIC_DEFAULTS,
    "variant-envoy-2026-06": {"KT055", "KT057", "KT019"},
}


def examined(name: str) -> tuple[Finding, ...]:
    """Look at one folder, with ``.env.example`` in place of ``.env``."""
    found = inventory(FolderSource(CORPUS / name), Ask(env_files=(".env.example",)))
    return examine(facts_of(found))


@pytest.mark.parametrize("name", EXPECTED)
def test_only_what_is_truly_wrong_is_found(name: str) -> None:
    assert {one.id for one in examined(name)} - {"KT077"} == EXPECTED[name]


def test_every_folder_of_the_corpus_is_expected() -> None:
    assert {one.name for one in CORPUS.iterdir() if one.is_dir()} == EXPECTED.keys()


def test_places_are_the_lines_of_the_values() -> None:
    lines = (CORPUS / "official-2026-07" / ".env.example").read_text().splitlines()
    found = {one.id: one for one in examined("official-2026-07")}
    assert lines[found["KT055"].places[0].line - 1].startswith("JWT_SECRET=")
    assert lines[found["KT048"].places[0].line - 1].startswith(("ANON_KEY=", "SERVICE_ROLE_KEY="))
    first = [lines[place.line - 1].split("=")[0] for place in found["KT057"].places]
    assert first[:2] == ["POSTGRES_PASSWORD", "DASHBOARD_PASSWORD"]


@pytest.mark.parametrize("name", EXPECTED)
def test_official_files_are_in_the_first_phase(name: str) -> None:
    found = inventory(FolderSource(CORPUS / name), Ask(env_files=(".env.example",)))
    assert readiness(facts_of(found)).phase == "0"
