"""Real deployments from beside the checkout, with generated secrets put in."""

from __future__ import annotations

import re
import secrets
import shutil
from pathlib import Path

from tests.support.deployments import NOW, api_claims, hs256

CORPUS = Path(__file__).parents[3] / "shared" / "corpus"
NAMES = tuple(sorted(one.name for one in CORPUS.iterdir())) if CORPUS.is_dir() else ()


def with_secrets(name: str, folder: Path) -> Path:
    """Copy one of them to ``folder`` with a ``.env`` as somebody fills it in."""
    shutil.copytree(CORPUS / name, folder, copy_function=shutil.copyfile)
    for one in (folder, *folder.rglob("*")):
        one.chmod(0o755 if one.is_dir() else 0o644)
    secret = secrets.token_urlsafe(40)
    values = {
        "JWT_SECRET": secret,
        "ANON_KEY": hs256(api_claims("anon", NOW), secret),
        "SERVICE_ROLE_KEY": hs256(api_claims("service_role", NOW), secret),
        "POSTGRES_PASSWORD": secrets.token_hex(16),
        "SECRET_KEY_BASE": secrets.token_hex(32),
        "VAULT_ENC_KEY": secrets.token_hex(16),
    }
    text = (folder / ".env.example").read_text()
    for key, value in values.items():
        text = re.sub(rf"(?m)^{key}=.*$", f"{key}={value}", text)
    (folder / ".env").write_text(text)
    (folder / ".env").chmod(0o600)
    return folder
