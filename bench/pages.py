"""Both consoles as people feel them: pages through the gateway and in a browser, idle and busy."""

from __future__ import annotations

import multiprocessing
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import httpx
from tests.support.browser import ARGUMENTS, CHROMIUM, why_not
from tests.support.console_browser import link_of
from tests.support.deployments import healthy
from tests.support.stack import NOTES, Stack, environment, free_port, keyturn

from bench.load import Repeat, request, run
from bench.report import Report

SERVED: Final = 31
"""Requests per page."""
SHOWN: Final = 7
"""Visits per page in the browser."""
FIRST: Final = 5
"""First visits, each of a browser that was never here."""
USERS: Final = 60
CLIENTS: Final = 8
"""Connections of the load."""
AIM_MS: Final = 150
_STACK_PAGES: Final = ("/", "/signing-keys", "/signing-keys/rotate", "/api-keys", "/api-keys/new",
                       "/jwks", "/users", "/inbox", "/audit-log")  # fmt: skip
_FOLDER_PAGES: Final = ("/", "/migrate", "/migrate/run", "/migrate/rehearsal", "/doctor",
                        "/doctor/cells/storage/user-ES256", "/doctor/follow")  # fmt: skip
_TIMES: Final = """() => {
  const [page] = performance.getEntriesByType('navigation');
  return [page.responseEnd, page.domContentLoadedEventEnd, page.loadEventEnd];
}"""


@dataclass
class Visit:
    """The first visit of a browser: when the page was ready, and what it cost."""

    ready: float = 0.0
    """Milliseconds to DOMContentLoaded."""
    loaded: float = 0.0
    sizes: dict[str, int] = field(default_factory=dict)
    """Bytes on the wire, heads included, by address."""


def measure(report: Report) -> None:
    """Measure every page of both consoles."""
    report.note(
        f"The result is the time from a request to its whole HTML: the median of {SERVED}, the "
        f"95th percentile in brackets; *busy* is the same while {CLIENTS} connections read through "
        "the gateway as fast as answers come, which fills all cores. In Chromium a page is *ready* "
        f"at DOMContentLoaded, counted from the click: the median of {SHOWN} visits."
    )
    with tempfile.TemporaryDirectory(prefix="keyturn-bench-") as made:
        stack = Stack(Path(made) / "data", free_port()).up()
        try:
            _lived_in(stack)
            report.section("The console of a stack, through the gateway")
            _pages(report, stack.url, lambda: link_of(stack), _STACK_PAGES, _applications(stack))
        finally:
            keyturn("down", "--data-dir", str(stack.data_dir))
        report.section("The console of a deployment (a fixture with two findings)")
        with _folder_console(Path(made) / "supabase") as (address, link):
            _pages(report, address, link, _FOLDER_PAGES, None)


def _pages(
    report: Report,
    address: str,
    link: Callable[[], str],
    pages: tuple[str, ...],
    load: Callable[[], Any] | None,
) -> None:
    """One row per page: HTML, the same beside a load, and ready in a browser."""
    browsing = why_not() is None
    first = [_first_visit(address, link()) for _ in range(FIRST if browsing else 0)]
    shown = _in_a_browser(address, link(), pages) if browsing else {}
    served = _served(address, link(), pages)
    busy = {}
    if load is not None:
        with load():
            busy = _served(address, link(), pages)
    for page in pages:
        note = f"browser: ready {shown[page][0]:.0f} ms, loaded {shown[page][1]:.0f} ms"
        beside = f"; busy {_said(busy[page])}" if busy else ""
        report.row(f"`{page}`", _said(served[page]), (note if shown else "no browser") + beside)
    if first:
        _say_first(report, address, first)


def _say_first(report: Report, address: str, first: list[Visit]) -> None:
    ready = statistics.median(one.ready for one in first)
    aim = f"from *Sign in* to the overview, {FIRST} new browsers; aim: under {AIM_MS} ms"
    report.row("first visit, ready", f"{ready:.0f} ms", aim)
    sizes = first[0].sizes
    foreign = sum(not url.startswith((address, "data:")) for url in sizes)
    note = f"{len(sizes)} requests, {foreign} of them elsewhere; aim: under 150 KB"
    report.row("first visit, transferred", f"{sum(sizes.values()) / 1000:.0f} KB", note)


def _said(times: list[float]) -> str:
    ordered = sorted(times)
    return f"{statistics.median(times):.1f} ms ({ordered[int(0.95 * len(ordered))]:.0f})"


def _served(address: str, link: str, pages: tuple[str, ...]) -> dict[str, list[float]]:
    """Milliseconds from the request to the whole HTML, over one connection."""
    times: dict[str, list[float]] = {page: [] for page in pages}
    with httpx.Client(base_url=address, headers={"origin": address}, timeout=30) as http:
        token = parse_qs(urlsplit(link).query)["link"][0]
        assert http.post("/sign-in", data={"link": token}).status_code == 303
        for _ in range(SERVED):
            for page in pages:
                started = time.perf_counter()
                answer = http.get(page)
                times[page].append(1000 * (time.perf_counter() - started))
                assert answer.status_code == 200, (page, answer.status_code)
    return times


@contextmanager
def _browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


def _first_visit(address: str, link: str) -> Visit:
    """Somebody who was never here opens the link, presses the button and sees the overview."""
    visit = Visit()
    with _browser() as browser:
        page = browser.new_context(base_url=address).new_page()
        seen = page.context.new_cdp_session(page)
        seen.send("Network.enable")
        urls: dict[str, str] = {}
        seen.on(
            "Network.requestWillBeSent",
            lambda e: urls.update({e["requestId"]: e["request"]["url"]}),
        )

        def ended(event: dict[str, Any]) -> None:
            url = urls.get(event["requestId"], "?")
            visit.sizes[url] = visit.sizes.get(url, 0) + int(event["encodedDataLength"])

        seen.on("Network.loadingFinished", ended)
        page.goto(link)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url("**/")
        page.wait_for_load_state()
        _, visit.ready, visit.loaded = page.evaluate(_TIMES)
    return visit


def _in_a_browser(
    address: str, link: str, pages: tuple[str, ...]
) -> dict[str, tuple[float, float]]:
    """Medians of milliseconds to DOMContentLoaded and to loaded, by page."""
    times: dict[str, list[tuple[float, float]]] = {page: [] for page in pages}
    with _browser() as browser:
        page = browser.new_context(base_url=address).new_page()
        page.goto(link)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url("**/")
        for _ in range(SHOWN):
            for path in pages:
                page.goto(path)
                _, ready, loaded = page.evaluate(_TIMES)
                times[path].append((ready, loaded))
    middle = statistics.median
    return {
        path: (middle(one for one, _ in found), middle(two for _, two in found))
        for path, found in times.items()
    }


def _lived_in(stack: Stack) -> None:
    """Users with sessions, and a table for the applications."""
    stack.sql(NOTES)
    for number in range(USERS):
        stack.sign_up(f"person-{number}@example.com", "a-long-password-of-a-bench")


def _applications(stack: Stack) -> Callable[[], Any]:
    """Return a load: clients in another process that read as fast as answers come."""
    work = multiprocessing.get_context("spawn").Process

    @contextmanager
    def load() -> Iterator[None]:
        worker = work(target=_work, args=(stack.port, stack.info["secret_key"]), daemon=True)
        worker.start()
        time.sleep(2)
        try:
            yield
        finally:
            worker.terminate()
            worker.join()

    return load


def _work(port: int, key: str) -> None:
    one = Repeat(request("GET", "/rest/v1/notes?select=id&limit=1", {"apikey": key}))
    run(port, [one for _ in range(CLIENTS)], seconds=3600)


@contextmanager
def _folder_console(folder: Path) -> Iterator[tuple[str, Callable[[], str]]]:
    """Run ``keyturn console`` on a deployment; yield its address and what makes links."""
    made = healthy(folder, "2026-envoy", asymmetric=True)
    made.comment_setting("storage", "JWT_JWKS")
    made.comment_setting("realtime", "API_JWT_JWKS")
    command = [sys.executable, "-m", "keyturn", "console", str(folder), "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               text=True, env=environment())  # fmt: skip
    try:
        assert process.stdout is not None
        printed = next(found for line in process.stdout if (found := _link_in(line)))
        address = printed.partition("/sign-in")[0]
        # The console is looked at once it said that it is there; a moment later it has looked too.
        time.sleep(1)
        yield address, lambda: _link_in(keyturn("console", str(folder), "--link").stdout) or ""
    finally:
        process.terminate()
        process.wait()


def _link_in(text: str) -> str | None:
    return next((word for word in text.split() if "/sign-in?link=" in word), None)
