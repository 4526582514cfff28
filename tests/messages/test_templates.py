"""Mail templates: those written for GoTrue, those written in Jinja, and hostile values."""

from __future__ import annotations

import pytest

from keyturn.accounts.message_settings import KINDS
from keyturn.adapters.mail import templates
from keyturn.adapters.mail.templates import BadTemplate, render

VALUES = {name: f"<{name}>" for name in templates.VARIABLES} | {
    "Data": {"name": "Ada & Co", "plan": "pro"},
    "Token": "123456",
    "ConfirmationURL": "https://api.test/verify?token=t&type=signup",
}


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{{ .Token }}", "123456"),
        ("{{.Token}}", "123456"),
        ("a {{- .Token -}} b", "a123456b"),
        ("{{ .Data.name }}", "Ada &amp; Co"),
        ('{{ index .Data "plan" }}', "pro"),
        ("{{ .Data.missing }}!", "!"),
        ("{{ if .Data.name }}yes{{ else }}no{{ end }} {{ .Token }}", "yes 123456"),
        ("{{ if not .Data.missing }}none{{ end }}", "none"),
        ('{{ if eq .Data.plan "free" }}f{{ else if eq .Data.plan "pro" }}p{{ end }}', "p"),
        ('{{ if ne .Data.plan "free" }}paid{{ end }}', "paid"),
        ("{{/* nothing */}}{{ .Token }}", "123456"),
        ("{{ Token }} {% if Data.name %}{{ Data.name }}{% endif %}", "123456 Ada &amp; Co"),
        ("{{ .Email }}", "&lt;Email&gt;"),
    ],
)
def test_templates_render(source: str, text: str) -> None:
    assert render(source, VALUES) == text


@pytest.mark.parametrize(
    "source",
    [
        "{{ .Token }}{{ range .Data }}x{{ end }}",
        "{{ .Token | html }}",
        "{% if %}",
        "{{ if .Token }}",
        "{{ ''.__class__.__mro__ }}",
    ],
)
def test_what_is_not_known_is_refused(source: str) -> None:
    with pytest.raises(BadTemplate):
        render(source, VALUES)


def test_values_are_never_templates() -> None:
    values = {**VALUES, "Data": {"name": "{{ .Token }}{{ Token }}{% for %}"}}
    assert "123456" not in render("{{ .Data.name }}", values)


def test_subjects_are_one_line_and_not_escaped() -> None:
    values = {**VALUES, "Data": {"name": "A & B\r\nBcc: eve@example.com"}}
    assert templates.render_subject("Hi {{ .Data.name }}", values) == (
        "Hi A & B Bcc: eve@example.com"
    )


@pytest.mark.parametrize("kind", KINDS)
def test_our_own_templates_have_code_and_link_in_both_forms(kind: str) -> None:
    html = render(templates.own(kind), VALUES)
    plain = templates.plain(html)
    assert "123456" in html
    assert "123456" in plain
    linked = kind != "reauthentication"
    assert ("https://api.test/verify?token=t&amp;type=signup" in html) == linked
    assert ("https://api.test/verify?token=t&type=signup" in plain) == linked
    assert "<" not in plain.replace("<Email>", "").replace("<SiteURL>", "").replace(
        "<NewEmail>", ""
    )
