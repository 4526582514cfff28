"""Values for SOPS: plain text to be encrypted, and the edit of a decrypted text in memory."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from typing import Final

import yaml

from keyturn.deploy.opened import text
from keyturn.deploy.place import Place
from keyturn.deploy.render_env import env_file, single_line
from keyturn.deploy.render_file import CannotRender, Rendered, rendered
from keyturn.deploy.rewrite_dotenv import set_variable
from keyturn.deploy.setting import Variable
from keyturn.secret import Secret

FORMS: Final = ("dotenv", "yaml")
_RECIPIENT: Final = re.compile(
    r"(?m)(?:^|[\s_-])(recipient|arn|fp|resource_id|vault_address|vault_url|engine_path|key_name)"
    r"\s*[:=]\s*[\"']?([^\s\"']+)"
)


def sops_file(variables: Mapping[str, Variable], form: str) -> Rendered:
    """Return the plain text for ``sops -e``; a flat mapping, or a dotenv file."""
    if form == "dotenv":
        return env_file(variables, "keyturn.sops.env")
    lines = [f"{name}: {_scalar(one.value)}" for name, one in variables.items()]
    return rendered("keyturn.sops.yaml", "".join(f"{line}\n" for line in lines), private=True)


def form_of(path: str) -> str:
    """Return ``dotenv`` or ``yaml`` by the file's name, as sops itself does."""
    name = path.rpartition("/")[2]
    if name.endswith(".env") or name.startswith(".env"):
        return "dotenv"
    if name.endswith((".yaml", ".yml")):
        return "yaml"
    raise CannotRender(
        f"{path} is neither a .env nor a .yaml file.", hint="Only these two are edited."
    )


def edited(plain: Secret, values: Mapping[str, Secret], form: str, path: str) -> Secret:
    """Return the decrypted text with ``values`` in it: replaced, or added at the end.

    YAML: a flat mapping, or a Kubernetes Secret. Comments and order stay. Raises
    :class:`CannotRender` for any other shape, ``CannotRewrite`` with the line for a dotenv file.
    """
    content = text(plain) or ""
    for name, value in values.items():
        if form == "dotenv":
            changed = set_variable(content.encode(), name, Secret(_one_line(value)), file=path)
            content = changed.decode()
        else:
            content = _edited_yaml(content, name, value, path)
    return Secret(content)


def as_dotenv(plain: Secret) -> Secret | None:
    """Return a decrypted flat mapping as the env file that Compose would read; None: it is none."""
    document = _plain(plain)
    if not isinstance(document, dict) or "kind" in document:
        return None
    scalars = {n: v for n, v in document.items() if isinstance(v, str | int | float | bool)}
    lines = (f"{name}={single_line(Secret(str(value)))}\n" for name, value in scalars.items())
    return Secret("".join(lines))


def is_object(plain: Secret) -> bool:
    """Whether a decrypted YAML text is a Kubernetes Secret."""
    document = _plain(plain)
    return isinstance(document, dict) and document.get("kind") == "Secret"


def recipients(encrypted: bytes) -> frozenset[tuple[str, str]]:
    """Return who can open an encrypted file: age recipients, PGP fingerprints, KMS names."""
    return frozenset(_RECIPIENT.findall(encrypted.decode("utf-8", "replace")))


def same_values(one: Secret, other: Secret, form: str) -> bool:
    """Whether two decrypted texts say the same, however they are laid out."""
    if form == "yaml":
        return bool(_plain(one) == _plain(other))
    return _definitions(one) == _definitions(other)


def _plain(held: Secret) -> object:
    return yaml.load(text(held) or "", Loader=yaml.CSafeLoader)


def _definitions(held: Secret) -> dict[str, str]:
    lines = (line.partition("=") for line in (text(held) or "").splitlines() if "=" in line)
    return {name.strip(): value for name, _, value in lines if not name.startswith("#")}


def _one_line(value: Secret) -> str:
    plain = text(value) or ""
    if "\n" in plain:
        raise CannotRender("A value of several lines has no place in a dotenv file of sops.")
    return plain


def _scalar(value: Secret | None) -> str:
    return json.dumps(text(value) or "", ensure_ascii=False)


def _edited_yaml(content: str, name: str, value: Secret, path: str) -> str:
    holder, encoded = _holder(content, path)
    plain = text(value) or ""
    said = json.dumps(base64.b64encode(plain.encode()).decode() if encoded else plain)
    for key, node in holder.value:
        if key.value == name:
            end = "\n" if getattr(node, "style", None) in ("|", ">") else ""
            start, stop = node.start_mark.index, node.end_mark.index
            return content[:start] + said + end + content[stop:]
    if not holder.value or holder.flow_style:
        raise _shape(path)
    first, last = holder.value[0][0], holder.value[-1][1]
    at = last.end_mark.index
    before = content[:at].rstrip("\n") + "\n"
    return f"{before}{' ' * first.start_mark.column}{name}: {said}\n{content[at:].lstrip(chr(10))}"


def _holder(content: str, path: str) -> tuple[yaml.MappingNode, bool]:
    """Return the mapping that holds the values, and whether they are base64."""
    root = yaml.compose(content, Loader=yaml.CSafeLoader)
    if not isinstance(root, yaml.MappingNode):
        raise _shape(path)
    members = {key.value: node for key, node in root.value}
    kind = members.get("kind")
    if getattr(kind, "value", None) != "Secret":
        return root, False
    for name in ("stringData", "data"):
        found = members.get(name)
        if isinstance(found, yaml.MappingNode):
            return found, name == "data"
    raise _shape(path)


def _shape(path: str) -> CannotRender:
    return CannotRender(
        f"{Place(path, 1)}: this is neither a mapping of names to values nor a Secret.",
        hint="Write one `NAME: value` per line, or a Kubernetes Secret with stringData.",
    )
