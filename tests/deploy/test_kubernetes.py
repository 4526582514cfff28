"""A Kubernetes export as the second kind of deployment."""

from __future__ import annotations

import base64
import json

import pytest
from tests.deploy.memory import codes, given, read

from keyturn.deploy.inventory import Kind, Layout
from keyturn.deploy.opened import text
from keyturn.deploy.place import Unreadable
from keyturn.deploy.setting import Origin


def b64(value: str) -> str:
    return base64.b64encode(value.encode()).decode()


SECRET = f"""
apiVersion: v1
kind: Secret
metadata: {{name: supabase-jwt, namespace: supa}}
type: Opaque
data:
  secret: {b64("legacy-secret")}
  anonKey: {b64("anon-key")}
stringData:
  jwks: '{{"keys":[]}}'
  secret: outranks
"""
CONFIG = """
apiVersion: v1
kind: ConfigMap
metadata: {name: rest, namespace: supa}
data:
  PGRST_DB_ANON_ROLE: anon
  PGRST_JWT_AUD: from-map
binaryData:
  BIN: aGk=
"""
REST = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: supabase-rest, namespace: supa}
spec:
  template:
    spec:
      containers:
        - name: rest
          image: postgrest/postgrest:v14.12
          command: [postgrest]
          args: [--dump, $(PGRST_JWT_AUD)]
          envFrom:
            - configMapRef: {name: rest}
            - secretRef: {name: supabase-jwt}
              prefix: S_
          env:
            - name: PGRST_JWT_SECRET
              valueFrom:
                secretKeyRef: {name: supabase-jwt, key: jwks}
            - name: PGRST_JWT_AUD
              value: own
            - {name: EXPANDED, value: "a-$(PGRST_JWT_AUD)-$$(X)-$(UNKNOWN)"}
            - {name: EMPTY}
            - name: POD
              valueFrom: {fieldRef: {fieldPath: metadata.name}}
            - name: LATER
              valueFrom: {configMapKeyRef: {name: rest, key: none, optional: true}}
          livenessProbe:
            httpGet: {path: /live, httpHeaders: [{name: Authorization, value: Bearer $(S_anonKey)}]}
          volumeMounts:
            - {name: keys, mountPath: /etc/keys}
            - {name: keys, mountPath: /etc/one.json, subPath: jwks}
      volumes:
        - name: keys
          secret: {secretName: supabase-jwt, items: [{key: jwks, path: jwks}]}
"""
EXPORT = {"export.yaml": "---".join((SECRET, CONFIG, REST))}


def test_a_workload_is_a_service() -> None:
    found = read(EXPORT)
    assert found.layout is Layout.KUBERNETES
    rest = found.services["supabase-rest"]
    assert (rest.kind, rest.version) == (Kind.REST, (14, 12))
    assert found.of_kind(Kind.REST) is rest
    assert codes(found.notes) == []


def test_values_from_every_source() -> None:
    assert given(EXPORT, "supabase-rest") == {
        "PGRST_DB_ANON_ROLE": "anon",
        "PGRST_JWT_AUD": "own",
        "BIN": "hi",
        "S_secret": "outranks",
        "S_anonKey": "anon-key",
        "S_jwks": '{"keys":[]}',
        "PGRST_JWT_SECRET": '{"keys":[]}',
        "EXPANDED": "a-own-$(X)-$(UNKNOWN)",
        "EMPTY": "",
        "POD": None,
        "LATER": None,
    }


def test_places_and_origins() -> None:
    found = read(EXPORT)
    setting = found.services["supabase-rest"].settings["PGRST_JWT_SECRET"]
    assert setting.origin is Origin.KUBERNETES
    assert str(setting.place) == "export.yaml:38"
    (variable,) = setting.variables
    assert variable.name == "Secret/supabase-jwt/jwks"
    assert str(variable.place) == "export.yaml:10"
    assert found.variables["Secret/supabase-jwt/jwks"] == variable


def test_command_probe_and_mounted_secret() -> None:
    rest = read(EXPORT).services["supabase-rest"]
    assert text(rest.command) == "postgrest --dump own"
    # The kubelet sends a header as it is written; it fills nothing in.
    assert text(rest.healthcheck) == '"Authorization: Bearer $(S_anonKey)" /live'
    assert [(one.target, one.text) for one in rest.documents] == [
        ("/etc/keys/jwks", '{"keys":[]}'),
        ("/etc/one.json", '{"keys":[]}'),
    ]


def test_a_list_json_and_what_others_own() -> None:
    owned = {"kind": "ReplicaSet", "apiVersion": "apps/v1",
             "metadata": {"name": "r", "ownerReferences": [{"name": "d"}]}}  # fmt: skip
    pod = {"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "p"},
           "spec": {"containers": [{"name": "c", "image": "kong:3", "env": []},
                                   {"name": "d", "image": "redis"}]}}  # fmt: skip
    export = {"kind": "List", "apiVersion": "v1", "items": [owned, pod]}
    found = read({"all.json": json.dumps(export)})
    assert set(found.services) == {"p/c", "p/d"}
    assert found.gateway is found.services["p/c"]
    assert [one.name for one in found.unknown] == ["p/d"]


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("StatefulSet", "spec: {template: {spec: %s}}"),
        ("DaemonSet", "spec: {template: {spec: %s}}"),
        ("Job", "spec: {template: {spec: %s}}"),
        ("CronJob", "spec: {jobTemplate: {spec: {template: {spec: %s}}}}"),
        ("Pod", "spec: %s"),
    ],
)
def test_every_kind_of_workload(kind: str, path: str) -> None:
    head = f"apiVersion: v1\nkind: {kind}\nmetadata: {{name: w}}\n"
    pod = "{containers: [{name: c, image: kong:3, env: [{name: A, value: '1'}]}]}"
    assert given({"w.yaml": head + path % pod}, "w") == {"A": "1"}


def test_what_the_export_does_not_hold() -> None:
    found = read({"rest.yaml": REST})
    assert codes(found.notes) == ["missing_object", "missing_object"]
    assert "Secret supabase-jwt is not in the export" in [one.message for one in found.notes]
    assert found.services["supabase-rest"].get("PGRST_JWT_SECRET") is None
    sealed = SECRET.split("type:")[0].replace("kind: Secret", "kind: SealedSecret")
    found = read({"a.yaml": "---".join((sealed, CONFIG, REST))})
    assert ["is sealed" in one.message for one in found.notes] == [True]
    without = SECRET.replace("  jwks: '{\"keys\":[]}'\n", "")
    found = read({"a.yaml": "---".join((without, CONFIG, REST))})
    assert "has no key jwks" in found.notes[0].message


def test_a_secret_of_another_namespace_is_another() -> None:
    other = SECRET.replace("namespace: supa", "namespace: other")
    assert codes(read({"a.yaml": "---".join((other, CONFIG, REST))}).notes) == ["missing_object"]
    none = SECRET.replace(", namespace: supa", "")
    assert codes(read({"a.yaml": "---".join((none, CONFIG, REST))}).notes) == []


def test_the_same_secret_twice() -> None:
    found = read({"a.yaml": "---".join((SECRET, CONFIG, REST)), "b.yaml": SECRET})
    assert codes(found.notes) == ["duplicate_object"]


@pytest.mark.parametrize(
    ("files", "line", "words"),
    [
        ({"a.yaml": SECRET.replace(b64("anon-key"), "=oops=") + "---" + REST}, 8, "not base64"),
        (
            {"a.yaml": REST.replace("image: postgrest/postgrest:v14.12", "image: {{ .x }}")},
            10,
            "template",
        ),
        ({"a.yaml": SECRET}, 1, "no workload"),
        (
            {"a.yaml": REST.replace("name: PGRST_JWT_AUD\n              value: own", "value: own")},
            21,
            "name",
        ),
        ({"a.yaml": "apiVersion: v1\nkind: Pod\nmetadata: {name: p}"}, 1, "no pod"),
    ],
)
def test_what_cannot_be_read(files: dict[str, str | bytes], line: int, words: str) -> None:
    with pytest.raises(Unreadable, match=words) as caught:
        read(files)
    assert caught.value.place.line == line
    assert "legacy" not in caught.value.message


def test_compose_wins_when_both_are_there() -> None:
    both = {**EXPORT, "compose.yaml": "services: {a: {image: x}}"}
    assert read(both).layout is Layout.COMPOSE
    assert read(both, files=("export.yaml",)).layout is Layout.KUBERNETES


def test_no_value_is_shown() -> None:
    found = read(EXPORT)
    shown = repr(found) + json.dumps(found.as_dict())
    for value in ("outranks", "legacy-secret", "anon-key", b64("legacy-secret")):
        assert value not in shown


def test_a_value_that_went_astray_into_a_key_is_not_repeated() -> None:
    piece = "Zm9vYmFyQmF6MTIzNDU2Nzg5MGFi"
    astray = SECRET.replace("  jwks:", f"  {piece}: x\n  jwks:")
    found = read({"a.yaml": "---".join((astray, CONFIG, REST))})
    assert "Secret/supabase-jwt/…" in found.variables
    assert piece not in repr(found) + json.dumps(found.as_dict())
    asked = REST.replace(
        "key: jwks}\n            - name: PGRST", f"key: {piece}}}\n            - name: PGRST"
    )
    found = read({"a.yaml": "---".join((SECRET, CONFIG, asked))})
    assert piece not in repr(found)
