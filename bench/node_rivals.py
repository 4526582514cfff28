"""node's jose and fast-jwt in a process of their own, taking turns with the Python libraries."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

from bench.rounds import SLICE
from bench.tokens import AUDIENCE, ISSUER, Case

FOLDER = Path(__file__).parent / "node"


class Node:
    """A Node process that measures one group of candidates per request."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    @classmethod
    def start(cls, cases: list[Case]) -> Node | None:
        """Install what is missing and start; None without Node or without its packages."""
        if shutil.which("node") is None or not _installed():
            return None
        process = subprocess.Popen(
            ["node", "bench.mjs"],
            cwd=FOLDER, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
        )  # fmt: skip
        node = cls(process)
        given = [{"alg": case.alg, "jwk": case.jwk, "token": case.token} for case in cases]
        node._say(
            json.dumps({"cases": given, "issuer": ISSUER, "audience": AUDIENCE, "slice": SLICE})
        )
        return node

    def round(self, group: str) -> dict[str, float]:
        """Return microseconds per call of each candidate of ``group``."""
        self._say(group)
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit("the Node process of the bench has ended; its error is above")
        answer: dict[str, float] = json.loads(line)
        return answer

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10)

    def _say(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()


def versions() -> dict[str, str]:
    """Versions of Node and the two libraries."""
    node = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True)
    found = {"node": node.stdout.strip().removeprefix("v")}
    for name in ("jose", "fast-jwt"):
        package = json.loads((FOLDER / "node_modules" / name / "package.json").read_text())
        found[f"node {name}"] = package["version"]
    return found


def _installed() -> bool:
    if (FOLDER / "node_modules" / "jose").is_dir():
        return True
    if shutil.which("npm") is None:
        return False
    print("bench: installing node's libraries", file=sys.stderr)
    done = subprocess.run(
        ["npm", "ci", "--no-progress", "--loglevel=error"], cwd=FOLDER, check=False
    )
    return done.returncode == 0
