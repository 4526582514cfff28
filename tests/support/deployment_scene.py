"""The console of a fixture deployment whose containers live in this process, with a moved clock."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from tests.phases.containers import Containers
from tests.support.browser import ARGUMENTS, CHROMIUM
from tests.support.console_scene import _Quiet
from tests.support.deployments import Deployment, healthy

from keyturn.adapters import system
from keyturn.adapters.console_key import console_key
from keyturn.console.deployment.app import deployment_app
from keyturn.console.deployment.jobs import Jobs
from keyturn.console.deployment.workbench import DeploymentServices
from keyturn.console.limiter import FailureLimiter
from keyturn.console.sessions import Role, Sessions, mint_link
from keyturn.console.streams import Streams
from keyturn.flows import doctor
from keyturn.flows.doctor import Examined
from keyturn.flows.ports.apply import Ports, Progress
from keyturn.secret import Secret
from keyturn.wiring.change import ChangeOptions, Workshop
from keyturn.wiring.console_bench import ConsoleOptions, Deeds, FolderBench, NoApiKeys

BASE = "http://127.0.0.1:8100"
API = "/admin/api/v1/projects/self-hosted"


class FixtureBench(FolderBench):
    """The real bench on real files; containers and clock are the test's."""

    def __init__(self, folder: Path, containers: Containers, runner: str) -> None:
        options = ConsoleOptions(ChangeOptions(str(folder), runner=runner))
        super().__init__(options, lambda: containers.now)
        self.containers = containers
        self.told_by: list[str] = []
        """The runner of every change, as it was asked for."""

    async def ports(self, workshop: Workshop, progress: Callable[[Progress], None]) -> Ports:
        """Real files and journal, these containers."""
        self.told_by.append(workshop.options.runner)
        return replace(self.containers.ports(), progress=progress)

    async def ask_services(self) -> Examined:
        """Ask the containers."""
        made = self.containers
        looks = doctor.Looks(lambda _, held: made.ask("http://gateway.example", held))
        source, ask = self.workshop.source, self.workshop.ask
        wish = doctor.Wish()
        return await doctor.diagnose(
            source, ask, looks, wish, now=made.now, randomness=system.entropy
        )


class Scene:
    """A deployment folder, its containers, and the console's services."""

    def __init__(
        self,
        folder: Path,
        *,
        asymmetric: bool = False,
        broken: Callable[[Deployment], Any] = id,
        era: str = "2026-envoy",
        runner: str = "true {service}",
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        now = datetime.now().astimezone()
        self.deployment = healthy(folder, era, asymmetric=asymmetric, now=now)
        broken(self.deployment)
        self.containers = Containers(folder, now)
        self._open(folder, now, runner)

    @classmethod
    def again(cls, scene: Scene, *, runner: str) -> Scene:
        """Another console of the same deployment, started later with another command line."""
        made = cls.__new__(cls)
        made.deployment, made.containers = scene.deployment, scene.containers
        made._open(scene.deployment.folder, scene.began, runner)
        return made

    def _open(self, folder: Path, now: datetime, runner: str) -> None:
        self.began = now
        """Sessions and links stay at this time: who waits for a phase is not signed out."""
        self.bench = FixtureBench(folder, self.containers, runner)
        self.key = console_key(Secret(os.urandom(32)))
        deeds = Deeds(folder)
        self.services = DeploymentServices(
            api_keys=NoApiKeys(),
            audit=deeds,
            sessions=Sessions(self.key, lambda: now, os.urandom),
            limiter=FailureLimiter(self.clock),
            clock=self.clock,
            streams=Streams(every=0.05),
            bench=self.bench,
            deeds=deeds,
            jobs=Jobs(self.clock),
        )

    def clock(self) -> datetime:
        """The containers' time."""
        return self.containers.now

    def link(self, role: Role = "full") -> str:
        """Return the token of a fresh sign-in link."""
        return mint_link(self.key, now=self.began, entropy=os.urandom, actor="ada", role=role)

    async def settled(self) -> None:
        """Wait until nothing goes on."""
        jobs = {one for one in asyncio.all_tasks() if one.get_name().startswith("keyturn-")}
        if jobs:
            await asyncio.wait(jobs, timeout=30)
        assert self.services.jobs.current is None

    def client(self) -> httpx.AsyncClient:
        """Return an HTTP client of this console that names its origin."""
        transport = httpx.ASGITransport(app=deployment_app(self.services))
        return httpx.AsyncClient(transport=transport, base_url=BASE, headers={"origin": BASE})


@asynccontextmanager
async def served(scene: Scene) -> AsyncIterator[str]:
    """Serve the console and yield its address."""
    listening = socket.create_server(("127.0.0.1", 0))
    address = f"http://127.0.0.1:{listening.getsockname()[1]}"
    app = deployment_app(scene.services)
    server = _Quiet(uvicorn.Config(app, log_config=None, access_log=False))
    task = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        yield address
    finally:
        scene.services.streams.close()
        server.should_exit = True
        await task
        await scene.services.jobs.close()


@asynccontextmanager
async def opened(scene: Scene, role: Role = "full", **context: Any) -> AsyncIterator[Any]:
    """Yield a page of a fresh Chromium that has signed in."""
    from playwright.async_api import async_playwright

    async with served(scene) as address, async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        try:
            page = await (await browser.new_context(base_url=address, **context)).new_page()
            page.set_default_timeout(15_000)
            await page.goto(f"/sign-in?link={scene.link(role)}")
            await page.get_by_role("button", name="Sign in").click()
            await page.wait_for_url("**/")
            yield page
        finally:
            await browser.close()
