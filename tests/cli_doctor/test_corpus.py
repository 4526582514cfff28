"""Real deployments, read where they are: ids and places, the matrix, and no secret in any form.

What is found in each and why it is true stands in ``tests/doctor/test_corpus.py``.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.support.command import Outcome, RunWith

CORPUS = Path(__file__).resolve().parents[3] / "shared" / "corpus"
pytestmark = pytest.mark.skipif(not CORPUS.is_dir(), reason="../shared/corpus is not here")

# folder -> finding -> its first place
PLACES = {
    "official-2023-01": {
        "KT048": ".env.example:11",
        "KT055": ".env.example:10",
        "KT057": ".env.example:26",
        "KT093": ".env.example:11",
    },
    "official-2025-04": {
        "KT046": "docker-compose.yml:61",
        "KT048": ".env.example:8",
        "KT055": ".env.example:7",
        "KT057": ".env.example:6",
    },
    "official-2026-07": {
        "KT048": ".env.example:20",
        "KT055": ".env.example:18",
        "KT057": ".env.example:15",
    },
    "variant-envoy-2026-06": {
        "KT019": "compose.yaml:296",
        "KT055": ".env.example:22",
        "KT057": ".env.example:19",
    },
}
FORMS = ("text", "json", "sarif", "markdown")


def look(doctor: RunWith, name: str, *more: str) -> Outcome:
    """Read one folder with its ``.env.example`` in the place of ``.env``."""
    return doctor(str(CORPUS / name), "--env-file", ".env.example", *more)


@pytest.mark.parametrize("name", PLACES)
def test_findings_and_their_places(doctor: RunWith, name: str) -> None:
    seen = look(doctor, name, "--json")
    assert seen.code == 1
    places: dict[str, str] = {}
    for finding in seen.json["findings"]:
        place = finding["place"]
        places.setdefault(finding["id"], f"{place['file']}:{place['line']}")
    assert places == PLACES[name]


@pytest.mark.parametrize("name", ["official-2025-04", "official-2026-07"])
def test_unmodified_official_files_serve_their_own_keys(doctor: RunWith, name: str) -> None:
    cells = look(doctor, name, "--json").json["matrix"]["cells"]
    outcomes = {
        (c["service"], c["credential"]): c["predicted"]["outcome"]
        for c in cells
        if c["service"] != "functions"  # the main script is not part of the corpus
    }
    for service in ("auth", "rest", "realtime", "storage"):
        for genuine in ("anon legacy", "service legacy", "user HS256"):
            assert outcomes[service, genuine] == "accepted"
        for hostile in ("forged", "expired", "unknown kid"):
            assert outcomes[service, hostile] == "refused"


@pytest.mark.parametrize("name", PLACES)
@pytest.mark.parametrize("form", FORMS)
def test_no_secret_of_it_is_printed(doctor: RunWith, name: str, form: str) -> None:
    seen = look(doctor, name, "--format", form)
    printed = seen.out + seen.err
    held = [line.partition("=")[2] for line in _lines(name) if _is_secret(line)]
    assert len(held) > 3
    assert [secret for secret in held if secret in printed] == []


@pytest.mark.parametrize("name", PLACES)
def test_without_a_env_the_user_is_told_first(doctor: RunWith, name: str) -> None:
    seen = doctor(str(CORPUS / name))
    assert "note: there is no .env, only .env.example" in " ".join(seen.out.split())


def _lines(name: str) -> list[str]:
    return (CORPUS / name / ".env.example").read_text().splitlines()


def _is_secret(line: str) -> bool:
    name, _, value = line.partition("=")
    words = r"SECRET|KEY|PASSWORD|TOKEN"
    return bool(re.search(words, name)) and len(value) > 12 and not name.startswith("#")
