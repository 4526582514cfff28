"""Whatever has happened to the files, doctor answers: a report or a sentence, never a traceback."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.cli_doctor.test_leaks import leaked
from tests.support.command import RunWith
from tests.support.deployments import ERAS, Deployment, healthy

FILES = ("docker-compose.yml", ".env", "volumes/api", "volumes/functions/main/index.ts")
SCRAPS = (
    "", "null", "[]", "{}", "- x", "environment:", "x: &a [*a]", "${", "${X:-${Y}", "}}", "'", '"',
    "#", "\t", "\x00", "é", "services:", "image: x", "<<: *none", "JWT_SECRET=", "=", "::", "1e999",
    "eyJhbGciOiJub25lIn0.e30.", '{"keys":[1,null,{"kty":5}]}', '[{"kty":"EC"}]', '{"keys":{}}',
)  # fmt: skip


@settings(
    max_examples=int(os.environ.get("KEYTURN_MUTATIONS", "25")),
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@given(
    era=st.sampled_from(ERAS),
    name=st.sampled_from(FILES),
    cuts=st.lists(
        st.tuples(st.floats(0, 1), st.sampled_from(["drop", "twice", "cut", "put", "value"])),
        min_size=1,
        max_size=4,
    ),
    scrap=st.sampled_from(SCRAPS),
    form=st.sampled_from(["text", "json", "sarif", "markdown"]),
)
def test_mutated_files_are_answered(
    doctor: RunWith, era: str, name: str, cuts: list[tuple[float, str]], scrap: str, form: str
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        made = healthy(Path(folder) / "deployment", era)
        path = _file(made, name)
        if path is None:
            return
        path.write_text(_mutated(path.read_text(), cuts, scrap))
        seen = doctor(str(made.folder), "--format", form)
        assert seen.code in (0, 1, 2), seen.err
        assert "Traceback" not in seen.err
        assert leaked(made, seen.out + seen.err) == []


def _file(made: Deployment, name: str) -> Path | None:
    path = made.folder / name
    if path.is_dir():
        return next((one for one in sorted(path.rglob("*")) if one.is_file()), None)
    return path if path.is_file() else None


def _mutated(text: str, cuts: list[tuple[float, str]], scrap: str) -> str:
    lines = text.splitlines()
    for share, what in cuts:
        at = min(int(share * len(lines)), len(lines) - 1)
        if at < 0:
            return scrap
        line = lines[at]
        match what:
            case "drop":
                del lines[at]
            case "twice":
                lines.insert(at, line)
            case "cut":
                lines[at] = line[: len(line) // 2]
            case "put":
                lines.insert(at, scrap)
            case _:
                sign = "=" if "=" in line.split(":")[0] else ":"
                lines[at] = f"{line.partition(sign)[0]}{sign} {scrap}"
    return "\n".join(lines) + "\n"
