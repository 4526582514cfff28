"""``keyturn doctor`` as a user calls it: what it prints, what it refuses, how it ends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.cli_doctor.faults import broken
from tests.support.command import RunWith, runner
from tests.support.deployments import NOW, Deployment, healthy

EC_CLAIMS = {
    "sub": "6b1b0b1e-0e0a-4e5e-9c58-6b1b0b1e0e0a",
    "role": "authenticated",
    "aud": "authenticated",
    "iat": int(NOW.timestamp()) - 60,
    "exp": int(NOW.timestamp()) + 3600,
}


@pytest.fixture
def sound(tmp_path: Path) -> Deployment:
    """A deployment in which nothing is wrong."""
    return healthy(tmp_path / "sound")


@pytest.fixture
def dark(tmp_path: Path) -> Deployment:
    """One whose Storage and Realtime were not given the public keys."""
    return broken("storage-in-the-dark", tmp_path / "dark")


def test_a_healthy_deployment_ends_with_0(doctor: RunWith, sound: Deployment) -> None:
    seen = doctor(str(sound.folder))
    assert (seen.code, seen.err) == (0, "")
    assert "CRITICAL" not in seen.out
    assert "ERROR" not in seen.out
    assert "!" not in seen.out.partition("Services × credentials")[2].partition("\n\n")[0]


def test_findings_name_the_lines_to_change(doctor: RunWith, dark: Deployment) -> None:
    seen = doctor(str(dark.folder))
    assert seen.code == 1
    lines = dark.text().splitlines()
    number = next(n for n, line in enumerate(lines, 1) if "#JWT_JWKS:" in line)
    assert f"docker-compose.yml:{number}" in seen.out
    assert '#JWT_JWKS: ${JWT_JWKS:-{"keys":[]}}' in seen.out
    assert "400!" in seen.out


def test_nothing_is_wider_than_80_columns(
    doctor: RunWith, dark: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(dark.folder)
    for arguments in ((), ("--fix",), ("--explain", "KT005")):
        out = doctor(*arguments).out
        assert max(map(len, out.splitlines())) <= 80


def test_json_has_what_scripts_need(doctor: RunWith, dark: Deployment) -> None:
    document = doctor(str(dark.folder), "--json").json
    assert document["schema_version"] == 1
    finding = next(one for one in document["findings"] if one["service"] == "storage")
    assert finding["severity"] == "error"
    assert {"id", "confidence", "place", "seen", "why", "fix", "safe"} <= finding.keys()
    assert finding["place"]["file"] == "docker-compose.yml"
    assert finding["changes"][0]["added"] == 'JWT_JWKS: ${JWT_JWKS:-{"keys":[]}}'
    assert document["matrix"]["services"] == ["auth", "rest", "realtime", "storage", "functions"]
    assert document["inventory"]["layout"] == "compose"
    assert "docker-compose.yml" in document["looked_at"]
    assert [gap["what"] for gap in document["not_looked_at"]] == [
        "the running services",
        "the database",
        "the access logs",
    ]
    assert document["readiness"]
    again = doctor(str(dark.folder), "--format", "json").json
    assert again["findings"] == document["findings"]


def test_sarif_and_markdown_are_whole_documents(doctor: RunWith, dark: Deployment) -> None:
    sarif = doctor(str(dark.folder), "--format", "sarif")
    assert sarif.code == 1
    document = json.loads(sarif.out)
    assert document["version"] == "2.1.0"
    assert "docker-compose.yml" in json.dumps(document["runs"][0]["results"])
    markdown = doctor(str(dark.folder), "--format", "markdown").out
    assert markdown.startswith("## keyturn doctor\n")
    assert "| storage |" in markdown
    assert str(dark.folder) not in markdown


@pytest.mark.parametrize(
    ("least", "code"), [("critical", 0), ("error", 1), ("warning", 1), ("notice", 1)]
)
def test_fail_on_decides_what_counts(
    doctor: RunWith, dark: Deployment, least: str, code: int
) -> None:
    assert doctor(str(dark.folder), "--fail-on", least).code == code


def test_no_matrix_leaves_it_out(doctor: RunWith, sound: Deployment) -> None:
    assert "Services ×" not in doctor(str(sound.folder), "--no-matrix").out
    assert doctor(str(sound.folder), "--no-matrix", "--json").json["matrix"] is None


def test_fix_shows_the_edit_and_changes_nothing(doctor: RunWith, dark: Deployment) -> None:
    before = {p: p.read_bytes() for p in dark.folder.rglob("*") if p.is_file()}
    seen = doctor(str(dark.folder), "--fix")
    assert seen.code == 1
    assert '  - #JWT_JWKS: ${JWT_JWKS:-{"keys":[]}}\n  + JWT_JWKS: ' in seen.out
    assert "Nothing was changed" in seen.out
    assert before == {p: p.read_bytes() for p in dark.folder.rglob("*") if p.is_file()}
    assert doctor(str(dark.folder), "--fix", "--json").json["fixes"]["applied"] is False


def test_fix_makes_the_safe_changes_and_undo_puts_everything_back(
    doctor: RunWith,
    dark: Deployment,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    def files() -> dict[str, bytes]:
        return {
            str(path.relative_to(dark.folder)): path.read_bytes()
            for path in dark.folder.rglob("*")
            if path.is_file() and ".keyturn" not in path.parts
        }

    before, folder = files(), str(dark.folder)
    made = doctor(folder, "--fix", "--yes", "--runner", "true {service}")
    assert "applied" in made.out
    assert made.code == 0, "nothing is left to find"
    assert "Nothing was changed" not in made.out
    ids = {one["id"] for one in doctor(folder, "--json").json["findings"]}
    assert "KT005" not in ids, "what was commented out is wired"
    keyturn = runner(monkeypatch, capfd)
    undone = keyturn("migrate", "undo", folder, "--runner", "true {service}", "--yes")
    assert undone.code == 0, undone.err
    assert files() == before


def test_one_token_is_followed_to_the_step_that_refuses(doctor: RunWith, dark: Deployment) -> None:
    token = dark.keys.ec.token(EC_CLAIMS)
    seen = doctor(str(dark.folder), "--token-file", "-", "--service", "storage", stdin=token)
    assert seen.code == 1
    assert 'refused, 400 AccessDenied "alg" (Algorithm) Header Parameter value' in seen.out
    assert "  NO storage" in seen.out
    assert "The first that does not take it: storage." in seen.out
    assert token not in seen.out
    assert token.rpartition(".")[2] not in seen.out
    good = doctor(str(dark.folder), "--token-file", "-", "--service", "rest", stdin=token)
    assert (good.code, good.out.splitlines()[-1]) == (0, "Every service takes it.")


def test_a_header_line_is_taken_as_it_is(
    doctor: RunWith, sound: Deployment, tmp_path: Path
) -> None:
    path = tmp_path / "header"
    path.write_text(f"Authorization: Bearer {sound.keys.publishable}\n")
    seen = doctor(str(sound.folder), "--token-file", str(path))
    assert "sent as apikey and as Authorization: Bearer" in seen.out
    assert sound.keys.publishable not in seen.out


@pytest.mark.parametrize("text", ["hello", "eyJhbGciOiJ", '{"access_token":"x"}', "a.b.c"])
def test_what_is_no_credential_is_a_usage_error(
    doctor: RunWith, sound: Deployment, text: str
) -> None:
    seen = doctor(str(sound.folder), "--token-file", "-", stdin=text)
    assert seen.code == 2
    assert text not in seen.err + seen.out


def test_a_message_is_explained_and_marked_where_it_is_found(
    doctor: RunWith, dark: Deployment
) -> None:
    message = '"alg" (Algorithm) Header Parameter value not allowed'
    alone = doctor("--error", message)
    assert alone.code == 0
    assert "found in this deployment" not in alone.out
    here = doctor(str(dark.folder), "--error", message)
    assert "found in this deployment: KT005" in here.out
    assert doctor(str(dark.folder), "--error", message, "--json").json["here"] == ["KT005"]


def test_an_unknown_message_ends_with_1_and_the_nearest(doctor: RunWith) -> None:
    seen = doctor("--error", "signing method RS512 is not valid")
    assert seen.code == 1
    assert "signing method HS256 is invalid" in seen.out


def test_a_finding_and_a_cell_are_explained(doctor: RunWith, dark: Deployment) -> None:
    assert "docs/findings/KT005.md" in doctor("--explain", "kt005").out
    cell = doctor(str(dark.folder), "--explain", "storage/user-es256")
    assert cell.code == 0
    assert "  NO storage" in cell.out
    assert doctor("--explain", "KT999").code == 2
    assert "anon-legacy" in doctor(str(dark.folder), "--explain", "storage/x").err


def test_a_single_file_may_stand_for_the_folder(doctor: RunWith, dark: Deployment) -> None:
    assert doctor(str(dark.folder / "docker-compose.yml")).code == 1


def test_env_file_may_be_named_from_where_one_stands(
    doctor: RunWith, sound: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    (sound.folder / ".env").rename(sound.folder / "prod.env")
    assert doctor(str(sound.folder), "--env-file", "prod.env").code == 0
    monkeypatch.chdir(sound.folder.parent)
    assert doctor("sound", "--env-file", "sound/prod.env").code == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("nowhere",), "is no folder"),
        (("http://localhost:8000",), "--probe"),
        (("--error", "x", "--explain", "KT001"), "different questions"),
        (("--service", "rest"), "--token-file"),
        (("--token-file", "-", "--access-log", "-"), "standard input"),
        (("--error", "Invalid JWT", "--format", "sarif"), "text or JSON"),
        (("--format", "xml"), "xml"),
    ],
)
def test_misunderstandings_end_with_2(
    doctor: RunWith, arguments: tuple[str, ...], says: str
) -> None:
    seen = doctor(*arguments)
    assert seen.code == 2
    assert says in seen.err


def test_an_empty_folder_and_a_broken_file_end_with_2(
    doctor: RunWith, sound: Deployment, tmp_path: Path
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    assert doctor(str(empty)).code == 2
    sound.write("docker-compose.yml", "services:\n  auth:\n\timage: x\n")
    seen = doctor(str(sound.folder), "--format", "json")
    assert seen.code == 2
    assert seen.json["code"] == "unreadable_deployment"
    assert "docker-compose.yml, line 3" in seen.json["message"]


def test_a_password_in_the_database_url_is_refused_and_not_repeated(
    doctor: RunWith, sound: Deployment
) -> None:
    for url in (
        "postgres://postgres:hunter2hunter2@127.0.0.1:1/postgres",
        "postgres://127.0.0.1:1/postgres?user=a&password=hunter2hunter2",
    ):
        seen = doctor(str(sound.folder), "--database-url", url)
        assert seen.code == 2
        assert "hunter2" not in seen.out + seen.err
        assert "KEYTURN_DOCTOR_DATABASE_URL" in seen.err


def test_a_token_on_the_command_line_is_refused_and_not_repeated(
    doctor: RunWith, sound: Deployment
) -> None:
    for token in (sound.keys.anon, sound.keys.secret):
        for arguments in ((str(sound.folder), "--token-file", token), (token,)):
            seen = doctor(*arguments)
            assert seen.code == 2
            assert token not in seen.out + seen.err
            assert "--token-file -" in seen.err


def test_nothing_to_probe_ends_with_4_and_the_report(doctor: RunWith, sound: Deployment) -> None:
    seen = doctor(str(sound.folder), "--probe", "http://127.0.0.1:1")
    assert seen.code == 4
    assert "not reached: " in seen.err
    assert "Services × credentials" in seen.out


def test_explaining_a_finding_starts_no_servers_databases_or_clients() -> None:
    code = (
        "import sys\nfrom keyturn.cli.main import main\n"
        "try:\n    main(['doctor', '--explain', 'KT001'])\nexcept SystemExit:\n    pass\n"
        "print(sorted({'asyncpg','uvicorn','starlette','jinja2','email','http.client','asyncio'}"
        " & sys.modules.keys()), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": os.environ["PATH"]},
    )
    assert done.stderr.strip() == "[]"
