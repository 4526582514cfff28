"""Log lines: whole, in order, harmless to a terminal, and never in the server's way."""

from __future__ import annotations

import asyncio
import json
import logging
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from keyturn.authserver.reporting import RequestLine, defect
from keyturn.wiring.logging import LineLog, as_json, as_text, open_log

NOW = datetime(2026, 5, 1, 12, 30, 0, 5000, tzinfo=UTC)


def line(**changes: object) -> RequestLine:
    found = RequestLine("id-1", "GET", "/user", 200, 0.0123456, "203.0.113.7")
    for name, value in changes.items():
        setattr(found, name, value)
    return found


async def test_a_request_is_one_line_of_json(tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb") as stream:
        log = LineLog(as_json, lambda: NOW, descriptor=stream.fileno())
        log.request(line())
        log.request(line(status=400, error_code="bad_json"))
        assert (tmp_path / "log").read_bytes() == b""
        await asyncio.sleep(0.05)
    first, second = (json.loads(text) for text in (tmp_path / "log").read_text().splitlines())
    assert first == {
        "time": "2026-05-01T12:30:00.005000Z",
        "level": "info",
        "msg": "request",
        "method": "GET",
        "route": "/user",
        "status": 200,
        "duration_ms": 12.346,
        "request_id": "id-1",
        "remote_addr": "203.0.113.7",
    }
    assert second["error_code"] == "bad_json"


async def test_an_event_comes_after_the_requests_before_it(tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb") as stream:
        log = LineLog(as_json, lambda: NOW, descriptor=stream.fileno())
        log.request(line())
        log.event("error", "trouble", {"why": "x", "nothing": None})
        lines = [json.loads(text) for text in (tmp_path / "log").read_text().splitlines()]
    assert [found["msg"] for found in lines] == ["request", "trouble"]
    assert "nothing" not in lines[1]


async def test_levels_below_the_chosen_one_are_silent(tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb") as stream:
        log = LineLog(as_json, lambda: NOW, level="error", descriptor=stream.fileno())
        log.request(line())
        log.event("warning", "hm", {})
        log.event("error", "trouble", {})
    assert len((tmp_path / "log").read_text().splitlines()) == 1


def test_text_for_people_has_no_control_characters() -> None:
    record: dict[str, object] = {
        "time": NOW,
        "level": "info",
        "msg": "hello\x1b[31m\nfake line",
        "who": "\x9b",
        "none": None,
    }
    written = as_text(record)
    assert written.startswith(b"12:30:00 INFO    hello")
    assert written.count(b"\n") == 1
    assert not {0x1B, 0x9B} & set(written)


async def test_a_reader_that_went_away_does_not_stop_the_server() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    log = LineLog(as_json, lambda: NOW, descriptor=writing)
    log.event("error", "nobody listens", {})
    os.close(writing)
    log.event("error", "nor here", {})


def test_the_standard_library_speaks_through_it(capfd: pytest.CaptureFixture[str]) -> None:
    root = logging.getLogger()
    before = root.handlers[:], root.level
    try:
        open_log(lambda: NOW, level="info", form="json")
        try:
            raise ValueError("a row with ada@example.com")
        except ValueError:
            logging.getLogger("somebody").exception("it broke")
        logging.getLogger("somebody").info("chatter")
    finally:
        root.handlers[:], root.level = before
    (written,) = [json.loads(text) for text in capfd.readouterr().err.splitlines()]
    assert (written["msg"], written["logger"], written["error"]) == (
        "it broke",
        "somebody",
        "ValueError",
    )
    assert "ada@example.com" not in json.dumps(written)


def test_a_defect_shows_its_places_and_kinds_but_not_its_text() -> None:
    try:
        try:
            raise KeyError("ada@example.com")
        except KeyError as inner:
            raise ValueError("hash $2a$10$abc") from inner
    except ValueError as error:
        found = defect(error)
    assert (found["error"], found["cause"]) == ("ValueError", "KeyError")
    assert "test_logging.py" in str(found["trace"])
    assert "ada@" not in str(found)
    assert "$2a$" not in str(found)
