"""Mails in the operator's own words: templates written for GoTrue, fetched from where they are."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from tests.authserver.test_one_time import variables
from tests.support.messages import body, code_in, link_in, mail_server
from tests.support.web_double import web_double

OpenAuth = Callable[..., AbstractAsyncContextManager[Any]]
WELCOME = b"""<h2>{{ if eq .Data.lang "de" }}Willkommen{{ else }}Welcome{{ end }}, {{ .Data.name }}</h2>
<p><a href="{{ .ConfirmationURL }}">Confirm {{ .Email }}</a></p>
<p><a href="{{ .SiteURL }}/in?hash={{ .TokenHash }}&amp;type=email&amp;next={{ .RedirectTo }}">or here</a></p>
<p>code: {{ .Token }}</p>"""  # noqa: E501
RESET = b'<p>{{ .Email }}, <a href="{{ .ConfirmationURL }}">set it anew</a></p>'
ADA = {"email": "ada@example.com", "password": "correct horse"}
PAGES = {"GET /mail/welcome.html": WELCOME, "GET /reset.html": RESET}


async def test_templates_of_the_operator(open_server: OpenAuth) -> None:
    async with mail_server() as mails, web_double() as site:
        for what, text in PAGES.items():
            site.says(what, text)
        own = {
            "GOTRUE_SITE_URL": site.url,
            "GOTRUE_MAILER_TEMPLATES_CONFIRMATION": "/mail/welcome.html",
            "GOTRUE_MAILER_TEMPLATES_RECOVERY": f"{site.url}/reset.html",
            "GOTRUE_MAILER_SUBJECTS_CONFIRMATION": "{{ .Data.name }}, one more step",
        }
        async with open_server(**{**variables(mails.port), **own}) as auth:
            data = {"lang": "de", "name": "Ada <b>&"}
            answer = await auth.http.post("/signup", json={**ADA, "data": data})
            assert answer.status_code == 200, answer.text
            welcome = await mails.wait(1)
            assert str(welcome["Subject"]) == "Ada <b>&, one more step"
            page = body(welcome)
            assert "<h2>Willkommen, Ada &lt;b&gt;&amp;</h2>" in page
            assert f'href="{site.url}/in?hash=' in page
            assert "Willkommen, Ada <b>&" in body(welcome, "plain")
            link = link_in(welcome)
            followed = await auth.http.get("/verify" + link[link.index("?") :])
            assert "access_token" in followed.headers["location"]
            assert len(code_in(welcome)) == 6
            other = {**ADA, "email": "bob@example.com", "data": {"name": "Bob"}}
            await auth.http.post("/signup", json=other)
            assert "<h2>Welcome, Bob</h2>" in body(await mails.wait(2))
            await auth.http.post("/recover", json={"email": "ada@example.com"})
            assert "<p>ada@example.com, <a href=" in body(await mails.wait(3))
    paths = [asked.path for asked in site.asked]
    assert paths == ["/mail/welcome.html", "/reset.html"], "a template is kept for a while"


async def test_a_template_that_is_no_template_is_told_and_ours_is_sent(
    open_server: OpenAuth,
) -> None:
    async with mail_server() as mails, web_double() as site:
        site.says("GET /mail/welcome.html", b"<p>{{ range .Data }}x{{ end }}</p>")
        own = {
            "GOTRUE_SITE_URL": site.url,
            "GOTRUE_MAILER_TEMPLATES_CONFIRMATION": "/mail/welcome.html",
        }
        async with open_server(**{**variables(mails.port), **own}) as auth:
            await auth.http.post("/signup", json=ADA)
            assert link_in(await mails.wait(1))
            [facts] = [f for _, said, f in auth.log.events if "template cannot be used" in said]
            assert facts["kind"] == "confirmation"
            assert "range" in str(facts["why"])
