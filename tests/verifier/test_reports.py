"""What the owner of a verifier can see: alarms once, health, counters, Prometheus."""

from __future__ import annotations

import json
import logging
import operator
import subprocess
import sys
from typing import cast

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from tests.verifier.issuer import (
    AUDIENCE,
    HOST,
    ISSUER,
    NEW,
    OLD,
    STRANGE,
    Bench,
    Issuer,
    token,
)

from keyturn import Alarm, AlarmKind, TokenRejected, Verifier
from keyturn.wiring.verifier_alarms import Alarms
from keyturn.wiring.verifier_counters import Counters

STALE = Alarm(AlarmKind.STALE, "old")
EMPTY = Alarm(AlarmKind.EMPTY_SET, "empty")


def test_an_alarm_is_told_once_per_cause() -> None:
    told, counters = list[Alarm](), Counters()
    alarms = Alarms(told.append, "source", counters)
    alarms.stand([EMPTY, EMPTY])
    alarms.stand([EMPTY])
    alarms.stand([])
    alarms.stand([EMPTY])
    alarms.stale(5, "down")
    alarms.stale(50, "still down")
    alarms.stale(None, "")
    alarms.stale(5, "down again")
    assert [alarm.kind for alarm in told] == [
        AlarmKind.EMPTY_SET,
        AlarmKind.EMPTY_SET,
        AlarmKind.STALE,
        AlarmKind.STALE,
    ]
    assert counters.counts() == {"alarm_empty_set": 2, "alarm_stale": 2}


def test_an_owner_that_raises_hurts_nobody(caplog: pytest.LogCaptureFixture) -> None:
    def broken(_alarm: Alarm) -> None:
        raise RuntimeError("pager is off")

    Alarms(broken, "source", Counters()).report(STALE)
    assert "pager is off" in str(caplog.records[0].exc_info)


def test_without_an_owner_alarms_are_warnings_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    Alarms(None, "https://x.example/jwks", Counters()).report(STALE)
    assert (caplog.records[0].levelno, caplog.records[0].name) == (
        logging.WARNING,
        "keyturn.verifier",
    )
    assert "https://x.example/jwks: stale: old" in caplog.text


def test_health_tells_the_whole_story_as_json(bench: Bench) -> None:
    bench.verifier.prewarm_now()
    bench.verifier.verify_now(token(OLD))
    with pytest.raises(TokenRejected):
        bench.verifier.verify_now(token(OLD, exp=1))
    bench.clock.forward(100)
    told = json.loads(json.dumps(bench.verifier.health().as_dict()))
    counters = told.pop("counters")
    assert told == {
        "status": "fresh",
        "source": bench.issuer.url,
        "origin": "fetched",
        "generation": 1,
        "keys": [{"kid": "old", "alg": "ES256"}],
        "age": 100,
        "stale_in": 500,
        "unusable_in": 86_900,
        "last_attempt_ago": 100,
        "failures": 0,
        "last_error": None,
        "ready": True,
    }
    assert counters["fetches"] == counters["accepted"] == counters["rejected_token_expired"] == 1


def test_prometheus_reads_it_at_every_scrape(issuer: Issuer) -> None:
    registry = CollectorRegistry()
    verifier = Verifier.remote(
        issuer.url,
        issuer=ISSUER,
        audience=AUDIENCE,
        algorithms={"ES256"},
        allow_http_hosts={HOST},
        metrics=registry,
    )
    labels = f'source="{issuer.url}"'
    assert f"keyturn_verifier_ready{{{labels}}} 0.0" in generate_latest(registry).decode()
    verifier.verify_now(token(OLD))
    text = generate_latest(registry).decode()
    assert f"keyturn_verifier_ready{{{labels}}} 1.0" in text
    assert f"keyturn_verifier_keys{{{labels}}} 1.0" in text
    assert f'keyturn_verifier_events_total{{event="accepted",{labels}}} 1.0' in text
    verifier.close()
    del verifier
    assert "keyturn_verifier_keys" not in generate_latest(registry).decode()


def test_two_verifiers_share_a_registry() -> None:
    registry = CollectorRegistry()
    made = [
        Verifier.remote(
            f"https://{name}.example/jwks",
            issuer=ISSUER,
            audience=AUDIENCE,
            algorithms={"ES256"},
            metrics=registry,
        )
        for name in ("a", "b")
    ]
    text = generate_latest(registry).decode()
    for verifier in made:
        assert f'keyturn_verifier_ready{{source="{verifier.health().source}"}} 0.0' in text


def test_prometheus_is_not_imported_unless_asked() -> None:
    code = (
        "import sys; from keyturn import Verifier; Verifier.supabase('https://a.example');"
        "print('prometheus_client' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_claims_cannot_be_changed_and_one_caller_does_not_see_another(bench: Bench) -> None:
    text = token(OLD, app_metadata={"roles": ["a"]})
    verifier = Verifier(bench.keys, bench.verifier._policy)
    for _ in range(3):
        claims = verifier.verify_now(text)
        with pytest.raises(TypeError):
            operator.setitem(cast(dict[str, object], claims), "role", "service_role")
        metadata = claims["app_metadata"]
        assert isinstance(metadata, dict)
        assert metadata == {"roles": ["a"]}
        metadata["roles"] = ["admin"]


def test_remembered_tokens_die_with_the_keys(bench: Bench) -> None:
    verifier = Verifier(bench.keys, bench.verifier._policy)
    for _ in range(2):
        verifier.verify_now(token(OLD))
    bench.issuer.publish(NEW)
    verifier.invalidate()
    verifier.verify_now(token(NEW))
    with pytest.raises(TokenRejected) as refused:
        verifier.verify_now(token(OLD))
    assert refused.value.code == "unknown_kid"
    verifier.close()


def test_revocation_is_asked_about_every_token_every_time(issuer: Issuer) -> None:
    revoked: set[object] = set()
    verifier = Verifier.static(
        {"keys": [OLD.verifying_key().public_jwk()]},
        issuer=ISSUER,
        audience=AUDIENCE,
        algorithms={"ES256"},
        revoked=lambda claims: claims.get("session_id") in revoked,
    )
    text = token(OLD, session_id="s1")
    for _ in range(2):
        verifier.verify_now(text)
    revoked.add("s1")
    with pytest.raises(TokenRejected):
        verifier.verify_now(text)


def test_the_word_of_a_stranger_is_not_in_the_log(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    text = token(STRANGE)
    with pytest.raises(TokenRejected) as refused:
        bench.verifier.verify_now(text)
    assert text.split(".")[1] not in f"{refused.value}{caplog.text}"
