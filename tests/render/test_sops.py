"""The SOPS way, through an executable of the tests' own: no real ``sops`` runs here.

The stand-in speaks the command line that Keyturn uses (sops 3.9: ``--filename-override``,
``/dev/stdin``), keeps names and comments in clear and hides values, and notes its arguments.
"""

from __future__ import annotations

import base64
import json
import os
import sys
from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from tests.render.worlds import applied, config_maps, kids, meaning, read
from tests.support.command import Run
from tests.support.deployments import NOW, Deployment, healthy

from keyturn.deploy.dotenv import parse
from keyturn.deploy.opened import text
from keyturn.deploy.render_kubernetes import Objects, compose_targets, kubernetes_files

HOUR_AGO = f"{NOW - timedelta(hours=1):%Y-%m-%dT%H:%MZ}"
FAKE = """\
#!PYTHON
import base64, os, sys
here = os.path.dirname(os.path.abspath(__file__))
arguments = sys.argv[1:]
open(os.path.join(here, "arguments"), "a").write("\\n".join(arguments) + "\\n")
form = arguments[arguments.index("--input-type") + 1]
sign = "=" if form == "dotenv" else ": "
text = open("/dev/stdin").read()
if os.path.exists(os.path.join(here, "broken")):
    print(text)
    sys.exit(128)
recipient = open(os.path.join(here, "recipient")).read()
tail = {"dotenv": f"sops_age__list_0__map_recipient={recipient}\\n",
        "yaml": f"sops:\\n    age:\\n        - recipient: {recipient}\\n"}[form]
out = []
if arguments[0] == "--decrypt":
    assert tail.splitlines()[0] in text, "not encrypted"
    text = text[:text.index("sops" + tail[4])] if form == "yaml" else text.replace(tail, "")
for line in text.splitlines():
    name, found, value = line.partition(sign)
    if found and not line.startswith("#"):
        if arguments[0] == "--encrypt":
            value = "ENC[" + base64.b64encode(value.encode()).decode() + "]"
        elif value.startswith("ENC["):
            value = base64.b64decode(value[4:-1]).decode()
        line = name + sign + value
    out.append(line)
print("\\n".join(out) + "\\n" + (tail if arguments[0] == "--encrypt" else ""), end="")
"""


class Sops:
    """The stand-in, first on the PATH."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        program = folder / "sops"
        program.write_text(FAKE.replace("PYTHON", sys.executable))
        program.chmod(0o755)
        self.recipient("age1first")

    def recipient(self, name: str) -> None:
        """Let the creation rules name this one."""
        (self.folder / "recipient").write_text(name)

    @property
    def arguments(self) -> str:
        """Return everything that stood on its command lines."""
        return (self.folder / "arguments").read_text()


def closed(plain: str, sign: str) -> str:
    """Return what the stand-in makes of a text."""
    lines = []
    for line in plain.splitlines():
        name, found, value = line.partition(sign)
        if found and not line.startswith("#"):
            line = f"{name}{sign}ENC[{base64.b64encode(value.encode()).decode()}]"
        lines.append(line)
    tail = {"=": "sops_age__list_0__map_recipient=age1first",
            ": ": "sops:\n    age:\n        - recipient: age1first"}[sign]  # fmt: skip
    return "\n".join((*lines, tail)) + "\n"


def opened(content: str, sign: str) -> str:
    """Return the plain text again."""
    lines = []
    for line in content.partition("\nsops")[0].splitlines():
        name, _, value = line.partition(sign)
        if value.startswith("ENC["):
            line = f"{name}{sign}{base64.b64decode(value[4:-1]).decode()}"
        lines.append(line)
    return "\n".join(lines) + "\n"


@pytest.fixture
def sops(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Sops:
    """Put the stand-in first on the PATH."""
    made = Sops(tmp_path / "bin")
    monkeypatch.setenv("PATH", f"{made.folder}{os.pathsep}{os.environ['PATH']}")
    return made


@pytest.fixture(params=["dotenv", "yaml"])
def deployment(request: pytest.FixtureRequest, tmp_path: Path) -> Deployment:
    """A repository with no ``.env``: its values stand in one encrypted file."""
    made = healthy(tmp_path / "repository", "2026-envoy", asymmetric=False)
    plain = "# kept by sops\n" + made.text(".env")
    made.remove(".env")
    if request.param == "dotenv":
        return made.write("secrets.env", closed(plain, "="))
    found = parse(".env", plain, lambda _: None)
    lines = "".join(f"{one.name}: {json.dumps(one.value)}\n" for one in found)
    return made.write("secrets.yaml", closed(f"# kept by sops\n{lines}", ": "))


def secret_file(deployment: Deployment) -> Path:
    """Return the encrypted file."""
    return next(deployment.folder.glob("secrets.*"))


def plain_values(file: Path) -> dict[str, str]:
    """Return what stands in the encrypted file."""
    if file.suffix == ".env":
        text_ = opened(file.read_text(), "=")
        return {one.name: one.value for one in parse("s", text_, lambda _: None)}
    found: dict[str, str] = yaml.safe_load(opened(file.read_text(), ": "))
    return found


def edit(run: Run, deployment: Deployment, *moment: str) -> None:
    """Edit the encrypted file."""
    file = secret_file(deployment)
    made = run("render", "sops", str(deployment.folder), "--edit", str(file), *moment)
    assert made.code == 0, made.err
    for value in plain_values(file).values():
        if len(value) > 20:
            assert value not in made.out + made.err


def test_two_edits_of_an_encrypted_file(
    run: Run, sops: Sops, deployment: Deployment, tmp_path: Path
) -> None:
    file = secret_file(deployment)
    before, mode = plain_values(file), file.stat().st_mode
    edit(run, deployment, "--phase", "1")
    first = plain_values(file)
    assert {name: first[name] for name in before if before[name]} == {
        name: value for name, value in before.items() if value
    }
    assert len(json.loads(first["JWT_KEYS"])) == 3
    # Compose has to be given the rest; then phase 2 reads the keys from the encrypted file.
    override = ("render", "compose-override", str(deployment.folder), "--sops", str(file))
    made = run(*override, "--phase", "1", "--json")
    assert made.code == 0, made.out
    deployment.write("docker-compose.override.yml", made.json["files"][0]["content"])
    edit(run, deployment, "--phase", "2", "--deployed-at", HOUR_AGO)
    second = plain_values(file)
    signs = [one["kid"] for one in json.loads(second["JWT_KEYS"]) if "sign" in one["key_ops"]]
    assert signs == [json.loads(first["JWT_KEYS"])[0]["kid"]]
    assert "# kept by sops" in file.read_text()
    assert file.stat().st_mode == mode
    _nothing_plain(tmp_path, sops, {**first, **second})


def _nothing_plain(tmp_path: Path, sops: Sops, values: dict[str, str]) -> None:
    secrets = [one for one in values.values() if len(one) > 30 and not one.startswith("http")]
    texts = [p.read_text() for p in tmp_path.rglob("*") if p.is_file()]
    assert len(secrets) > 5
    for secret in secrets:
        assert secret not in sops.arguments
        assert not any(secret in one for one in texts)


def test_nobody_loses_the_right_to_open_the_file(
    run: Run, sops: Sops, deployment: Deployment
) -> None:
    file = secret_file(deployment)
    content = file.read_bytes()
    # The file names both; the creation rules only one.
    file.write_text(file.read_text() + (
        "sops_age__list_1__map_recipient=age1second\n" if file.suffix == ".env"
        else "        - recipient: age1second\n"))  # fmt: skip
    both = file.read_bytes()
    asked = ("render", "sops", str(deployment.folder), "--edit", str(file), "--phase", "1")
    refused = run(*asked, "--json")
    assert (refused.code, refused.json["code"]) == (5, "cannot_render")
    assert file.read_bytes() == both != content


def test_a_sops_that_fails_changes_nothing_and_tells_nothing(
    run: Run, sops: Sops, deployment: Deployment
) -> None:
    file = secret_file(deployment)
    content = file.read_bytes()
    (sops.folder / "broken").touch()
    failed = run("render", "sops", str(deployment.folder), "--edit", str(file), "--phase", "1")
    assert failed.code == 1
    assert "exit code 128" in failed.err
    assert file.read_bytes() == content


def test_without_a_sops_the_plain_text_can_be_piped(
    run: Run, deployment: Deployment, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    file = secret_file(deployment)
    missing = run("render", "sops", str(deployment.folder), "--edit", str(file), "--phase", "1")
    assert missing.code == 4
    asked = healthy(tmp_path / "plain", "2026-envoy")
    for form in ("dotenv", "yaml"):
        piped = run("render", "sops", str(asked.folder), "--format", form, "--private")
        assert piped.code == 0
        found = (yaml.safe_load(piped.out) if form == "yaml" else
                 {d.name: d.value for d in parse("p", piped.out, lambda _: None)})  # fmt: skip
        assert found["JWT_KEYS"] == asked.keys.jwt_keys
        assert found["SUPABASE_SECRET_KEY"] == asked.keys.secret


@pytest.mark.parametrize("encoded", [False, True])
def test_an_encrypted_secret_of_a_cluster(
    run: Run, sops: Sops, tmp_path: Path, encoded: bool
) -> None:
    there = read(healthy(tmp_path / "d", "2026-envoy").folder)
    secret, patches = kubernetes_files(
        there, there, compose_targets(there), Objects(encoded=encoded)
    )
    cluster = tmp_path / "cluster"
    cluster.mkdir()
    (cluster / "workloads.yaml").write_text(applied(patches.text, there))
    (cluster / "documents.yaml").write_text(config_maps(there))
    file = cluster / "secret.yaml"
    lines = secret.text.splitlines(keepends=True)
    body = "".join(closed(x, ": ").partition("sops:")[0] if x.startswith("  ") else x
                   for x in lines)  # fmt: skip
    file.write_text(f"{body}sops:\n    age:\n        - recipient: age1first\n")
    made = run("render", "sops", str(cluster), "--edit", str(file), "--rotate",
               "--deployed-at", HOUR_AGO)  # fmt: skip
    assert made.code == 0, made.err
    plain = opened(file.read_text(), ": ")
    file.write_text(plain)
    after = read(cluster)
    assert kids(after)[0] == kids(there)[1]
    assert len(kids(after)) == 3
    assert meaning(after) == meaning(there)
    assert text(after.services["auth"].value("GOTRUE_JWT_KEYS"))


def test_other_files_are_refused(run: Run, sops: Sops, tmp_path: Path) -> None:
    deployment = healthy(tmp_path / "d", "2026-envoy")
    for name, content in (("list.yaml", "- a\n"), ("flow.yaml", "{a: b}\n"), ("x.json", "{}")):
        deployment.write(name, content + "sops:\n    age:\n        - recipient: age1first\n")
        file = str(deployment.folder / name)
        asked = ("render", "sops", str(deployment.folder), "--edit", file, "--all")
        assert run(*asked).code in (1, 2, 5), name
