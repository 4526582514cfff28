"""Compose files that somebody spoilt: a rewrite works as meant, or is refused."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from keyturn.deploy.rewrite_compose import (
    remove_setting,
    set_healthcheck,
    set_setting,
    uncomment_setting,
)
from keyturn.deploy.rewrite_dotenv import remove_variable, set_variable
from keyturn.deploy.rewrite_errors import CannotRewrite
from keyturn.deploy.rewrite_override import override_healthcheck, override_setting
from keyturn.secret import Secret

LINES = """\
x-shared: &shared
  A: 1
services:
  auth:
    image: x
    environment: &own
      # comment
      A: ${A:-{"keys":[]}}
      #B: ${B}
      <<: *shared
      C: |
        text
        #B: no
      D:
    healthcheck:
      test: ["CMD", "x ${A} y"]
  rest:
    environment:
      - A=${A}
      #- B=${B}
      - "C=x y"
  alias: *own
  flow: {environment: {A: 1}}
""".splitlines()
PIECES = st.sampled_from(
    [*LINES, "", "  ", "\t", "    environment:", "- A", "? x", "&a *a", "---", "…"]
)


@st.composite
def documents(draw: st.DrawFn) -> bytes:
    """The lines with some taken away, doubled, indented otherwise, or replaced."""
    lines = list(LINES)
    for _ in range(draw(st.integers(0, 6))):
        at = draw(st.integers(0, max(len(lines) - 1, 0)))
        match draw(st.sampled_from(["drop", "insert", "indent", "cut"])):
            case "drop" if lines:
                del lines[at]
            case "insert":
                lines.insert(at, draw(PIECES))
            case "indent" if lines:
                lines[at] = " " * draw(st.integers(0, 8)) + lines[at].lstrip()
            case _ if lines:
                lines[at] = lines[at][: draw(st.integers(0, 30))]
            case _:
                pass
    end = draw(st.sampled_from(["\n", "\r\n"]))
    return (end.join(lines) + draw(st.sampled_from(["", end]))).encode()


def readable(content: bytes) -> bool:
    """Whether PyYAML can make a document of it at all: a merge of a text, say, it cannot."""
    try:
        yaml.safe_load(content)
    except (yaml.YAMLError, RecursionError, ValueError, TypeError):
        return False
    return True


def environment(content: bytes, service: str) -> object:
    return yaml.safe_load(content)["services"][service].get("environment")


@settings(deadline=None)
@given(
    documents(), st.sampled_from(["auth", "rest", "alias", "flow", "no"]), st.sampled_from("ABCDE")
)
@example(b"services:\n  auth: &a\n    environment:\n      A: *a\n", "auth", "B")
def test_a_compose_file(content: bytes, service: str, name: str) -> None:
    understood = readable(content)
    with contextlib.suppress(CannotRewrite):
        changed = set_setting(content, "f", service, name, "${NEW}")
        found = environment(changed, service) if understood else None
        if isinstance(found, list):
            assert f"{name}=${{NEW}}" in found
        elif isinstance(found, dict):
            assert found[name] == "${NEW}"
    with contextlib.suppress(CannotRewrite):
        changed = remove_setting(content, "f", service, name)
        found = environment(changed, service) if understood else None
        if isinstance(found, list):
            assert name not in [str(one).partition("=")[0] for one in found]
    changes: tuple[Callable[[], bytes], ...] = (
        lambda: uncomment_setting(content, "f", service, name),
        lambda: set_healthcheck(content, "f", service, "${A}", "${B}"),
        lambda: override_setting(content, "f", service, name, "${NEW}"),
        lambda: override_healthcheck(content, "f", service, ["CMD", "x"], "base"),
    )
    for change in changes:
        with contextlib.suppress(CannotRewrite):
            assert readable(change()) or not understood


@settings(deadline=None)
@given(st.text(st.sampled_from("KA=:#'\"$ \\\n\r\t{}x"), max_size=40))
def test_an_env_file(content: str) -> None:
    changes: tuple[Callable[[], bytes], ...] = (
        lambda: set_variable(content.encode(), "K", Secret("new value")),
        lambda: remove_variable(content.encode(), "K"),
    )
    for change in changes:
        with contextlib.suppress(CannotRewrite):
            change()
