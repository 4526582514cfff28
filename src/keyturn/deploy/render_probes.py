"""Health probes of workloads that send a key: read from the objects, and patched to send another.

A key that stands in a probe is in every copy of the manifest, so what is written takes it from the
container's environment. Kubernetes fills no variable into a header, and into a command only those
with a literal value: such a probe becomes a script for the container's shell.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from keyturn.deploy.inventory import Service
from keyturn.deploy.kubernetes_container import PROBES
from keyturn.deploy.opened import text
from keyturn.deploy.place import Place
from keyturn.deploy.probe_keys import Span, runs_shell, spans
from keyturn.deploy.render_names import HEALTH_TOKEN
from keyturn.deploy.setting import Setting
from keyturn.deploy.yaml_tree import Scalar, Tree, items

_ADDRESS: Final = re.compile(r"https?://[\w.-]+(?::\d+)?/api/tenants/[\w./-]*")
_SPECIAL: Final = re.compile(r'["\\$`]')
"""What a shell reads between double quotes."""
_OTHER_SECRET: Final = re.compile(r"(?i)\bbasic |sb_secret_|://[^/\s]*@|passw|token=")
"""What may be a secret besides the token: it is not copied into a file without keys."""


@dataclass(frozen=True, slots=True)
class Http:
    """A request that the kubelet sends by itself."""

    headers: tuple[tuple[str, str], ...] = field(repr=False)
    url: str | None
    """As the container would ask itself; None when its port has a name that nobody explains."""


@dataclass(frozen=True, slots=True)
class Probe:
    """One probe of a container."""

    name: str
    place: Place
    command: tuple[str, ...] = field(default=(), repr=False)
    http: Http | None = None

    @property
    def plain(self) -> str:
        """Return everything that it sends."""
        headers = self.http.headers if self.http is not None else ()
        return " ".join((*self.command, *(f"{name}: {value}" for name, value in headers)))


def probes_of(container: Tree) -> Iterator[Probe]:
    """Yield the probes that run a command or send headers."""
    for name in PROBES:
        probe = container.tree(name)
        if probe is None:
            continue
        words = [one.text for one in items(probe.get("exec", "command")) if isinstance(one, Scalar)]
        if words:
            yield Probe(name, probe.place, tuple(words))
        elif (http := probe.tree("httpGet")) is not None and http.get("httpHeaders"):
            yield Probe(name, probe.place, (), _http(container, http))


def patched(probe: Probe, settings: Mapping[str, Setting], variable: str) -> str | None:
    """Return the patch after which ``probe`` sends the container's ``variable`` as its token.

    None: it cannot be patched without knowing more, or something secret would be copied.
    """
    if _OTHER_SECRET.search(probe.plain):
        return None
    reset = ""
    if probe.http is not None:
        command = _as_command(probe.http, settings, variable)
        reset = ", httpGet: null"
    elif runs_shell(probe.command):
        script = next(n for n, one in enumerate(probe.command) if n and one.endswith("c")) + 1
        command = tuple(
            _in_script(one, settings, variable) if number == script else one
            for number, one in enumerate(probe.command)
        )
    else:
        words = (_word(one, settings, variable) for one in probe.command)
        command = ("/bin/sh", "-c", " ".join(("exec", *words)))
    if command is None:
        return None
    return f"{probe.name}: {{exec: {{command: {json.dumps(command)}}}{reset}}}"


def sends_another(before: Service, after: Service) -> bool:
    """Whether the healthcheck sends the token of its own from now on."""
    old, new = text(before.healthcheck), text(after.healthcheck)
    check = after.healthcheck
    named = check is not None and any(one.name == HEALTH_TOKEN for one in check.variables)
    return named and old is not None and old != new


def about_probes(
    name: str,
    probes: Sequence[Probe],
    before: Service | None,
    after: Service,
    ended: Mapping[str, str],
) -> Iterator[str]:
    """Yield what is done about the probes of a service, or what its owner has to change.

    ``ended``: API keys that are accepted no longer, with their variables' names.
    """
    if before is None:
        return
    if sends_another(before, after):
        yield from _another(name, probes, before, after)
        return
    for probe in probes:
        sent = (ended.get(span.token) for span in spans(probe.plain, before.settings))
        key = next((one for one in sent if one is not None), None)
        if key is not None:
            yield (
                f"The {probe.name} of {name} ({probe.place}) sends the legacy {key}, which nothing "
                "accepts after this. Change it first: ask a path that wants no key, or send "
                "SUPABASE_PUBLISHABLE_KEY as apikey, without a bearer."
            )


def _another(name: str, probes: Sequence[Probe], before: Service, after: Service) -> Iterator[str]:
    if not any(spans(one.plain, before.settings) for one in probes):
        yield (
            f"The probe of {name} is not in the files. If it sends the legacy ANON_KEY, change it "
            f"in the same commit; the patch gives {HEALTH_TOKEN} to the container. For example: "
            f"{_example(after)}"
        )
    for probe in probes:
        if not spans(probe.plain, before.settings):
            continue
        if patched(probe, before.settings, HEALTH_TOKEN) is not None:
            yield (
                f"The patch lets the {probe.name} of {name} ({probe.place}) send {HEALTH_TOKEN}, "
                "which its container takes from the Secret; it is run by the container's own shell."
            )
        else:
            yield (
                f"The {probe.name} of {name} ({probe.place}) sends a legacy key and cannot be "
                f"patched here. Change it in the same commit: {_example(after)}"
            )


def _example(service: Service) -> str:
    """The probe as it may stand in a manifest, with the address that the healthcheck asks."""
    found = _ADDRESS.search(text(service.healthcheck) or "")
    url = found.group() if found else "http://localhost:4000/api/tenants/realtime-dev/health"
    script = f'curl -sSfL --head -o /dev/null -H "Authorization: Bearer ${{{HEALTH_TOKEN}}}" {url}'
    return f"livenessProbe: {{exec: {{command: {json.dumps(['/bin/sh', '-c', script])}}}}}"


def _http(container: Tree, http: Tree) -> Http:
    headers = tuple(
        (one.text("name") or "", one.text("value") or "")
        for one in items(http.get("httpHeaders"))
        if isinstance(one, Tree)
    )
    port = http.text("port") or ""
    if not port.isdigit():
        named = (
            one.text("containerPort")
            for one in items(container.get("ports"))
            if isinstance(one, Tree) and one.text("name") == port
        )
        port = next(named, None) or ""
    scheme = (http.text("scheme") or "HTTP").lower()
    path = "/" + (http.text("path") or "/").removeprefix("/")
    host = http.text("host") or "localhost"
    return Http(headers, f"{scheme}://{host}:{port}{path}" if port else None)


def _as_command(
    http: Http, settings: Mapping[str, Setting], variable: str
) -> tuple[str, ...] | None:
    """The same request by the image's own curl: 200 to 399 is well, a certificate is not asked."""
    if http.url is None:
        return None
    sent = (_word(f"{name}: {value}", settings, variable) for name, value in http.headers)
    words = ["exec", "curl", "-sSfk", "-o", "/dev/null"]
    for one in sent:
        words += ["-H", one]
    return ("/bin/sh", "-c", " ".join((*words, shlex.quote(http.url))))


def _word(plain: str, settings: Mapping[str, Setting], variable: str) -> str:
    """Return one argument, quoted for a shell, with the variable where the key was."""
    found = spans(plain, settings)
    return _double_quoted(plain, found, variable) if found else shlex.quote(plain)


def _in_script(script: str, settings: Mapping[str, Setting], variable: str) -> str:
    """Return the script with the variable where the key was; no shell looks into single quotes."""
    done = len(script)
    for span in reversed(spans(script, settings)):
        if span.start >= done:
            continue
        opened = _single_quote(script[: span.start])
        closed = script.find("'", span.end)
        if opened is None or closed < 0:
            script = f"{script[: span.start]}${{{variable}}}{script[span.end :]}"
            continue
        done = opened
        inside = script[opened + 1 : closed]
        again = _double_quoted(inside, spans(inside, settings), variable)
        script = script[:opened] + again + script[closed + 1 :]
    return script


def _double_quoted(plain: str, found: Sequence[Span], variable: str) -> str:
    parts, at = [], 0
    for span in found:
        parts += [_SPECIAL.sub(r"\\\g<0>", plain[at : span.start]), f"${{{variable}}}"]
        at = span.end
    return '"' + "".join((*parts, _SPECIAL.sub(r"\\\g<0>", plain[at:]))) + '"'


def _single_quote(before: str) -> int | None:
    """Return where the single quotes begin that the place after ``before`` lies in."""
    quote, escaped, opened = "", False, 0
    for at, one in enumerate(before):
        if escaped:
            escaped = False
        elif one == "\\" and quote != "'":
            escaped = True
        elif one in "'\"" and quote in ("", one):
            quote, opened = "" if quote else one, at
    return opened if quote == "'" else None
