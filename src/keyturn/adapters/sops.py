"""The ``sops`` program: values go through pipes, so nothing plain is on the disk or in ``argv``."""

from __future__ import annotations

import shutil
import subprocess
from typing import Final

from keyturn.errors import KeyturnError, Unreachable
from keyturn.secret import Secret
from keyturn.secret_access import reveal

_SECONDS: Final = 60.0


class SopsFailed(KeyturnError):
    """sops could not open or close the file."""

    code = "sops_failed"


class Sops:
    """One ``sops`` on the PATH (3.9 or later: ``--filename-override``)."""

    def __init__(self) -> None:
        """Raise ``Unreachable`` when there is none."""
        found = shutil.which("sops")
        if found is None:
            raise Unreachable(
                "There is no program `sops` on the PATH.",
                hint="Pipe the plain rendering into it elsewhere, without --edit.",
            )
        self._program = found

    def decrypt(self, encrypted: bytes, path: str, form: str) -> Secret:
        """Return the plain text of ``encrypted``, which is the content of ``path``."""
        types = ("--input-type", form, "--output-type", form)
        return Secret(self._run(("--decrypt", *types, "/dev/stdin"), encrypted, path))

    def encrypt(self, plain: Secret, path: str, form: str) -> bytes:
        """Return ``plain`` encrypted by the creation rules that hold for ``path``."""
        types = ("--input-type", form, "--output-type", form)
        named = ("--filename-override", path)
        return self._run(("--encrypt", *types, *named, "/dev/stdin"), reveal(plain), path)

    def _run(self, arguments: tuple[str, ...], given: bytes, path: str) -> bytes:
        try:
            done = subprocess.run(
                [self._program, *arguments],
                input=given,
                capture_output=True,
                timeout=_SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as problem:
            raise SopsFailed(f"sops did not answer: {type(problem).__name__}.") from None
        if done.returncode != 0 or not done.stdout:
            # What sops prints may quote a value, so only its exit code is passed on.
            raise SopsFailed(
                f"sops ended with exit code {done.returncode} for {path}.",
                hint=f"Run it by hand: sops {arguments[0]} {path}",
            )
        return done.stdout
