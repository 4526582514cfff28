"""Settings of links, codes, mail and SMS, under GoTrue's own names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from keyturn.accounts.message_settings import (
    KINDS,
    NOTICES,
    NOTIFICATIONS,
    MessageSettings,
)
from keyturn.wiring import settings_messages_parse as parse
from keyturn.wiring import settings_parse as read
from keyturn.wiring.settings_row import Setting
from keyturn.wiring.settings_row import setting as _row
from keyturn.wiring.settings_sms import SMS_PROVIDERS

_DEFAULTS: Final = MessageSettings()
_WITH_PATH: Final = ("confirmation", "invite", "recovery", "email_change")


def _kinds() -> Iterator[Setting]:
    for name in NOTIFICATIONS:
        yield _row(
            f"GOTRUE_MAILER_NOTIFICATIONS_{name.upper()}_ENABLED",
            read.boolean,
            "false",
            f"messages.notify_{name}",
            f"Tell users of {name.replace('_', ' ')} by mail.",
        )
    for kind in (*KINDS, *NOTICES):
        words = kind.replace("_", " ")
        name = kind.upper()
        yield _row(
            f"GOTRUE_MAILER_SUBJECTS_{name}",
            read.text,
            _DEFAULTS.subject(kind),
            f"messages.subject_{kind}",
            f"Subject of {words} mails; may hold template variables.",
        )
        yield _row(
            f"GOTRUE_MAILER_TEMPLATES_{name}",
            read.text,
            None,
            f"messages.template_{kind}",
            f"Template of {words} mails: a URL, a path below `GOTRUE_SITE_URL`, or `file:` and a "
            "path. Unset: Keyturn's own.",
        )
    for kind in _WITH_PATH:
        yield _row(
            f"GOTRUE_MAILER_URLPATHS_{kind.upper()}",
            read.text,
            "/verify",
            f"messages.path_{kind}",
            f"Path of the link in {kind.replace('_', ' ')} mails. `/verify` is below "
            "`API_EXTERNAL_URL`; another path replaces its path.",
        )


_LINKS: Final = (
    _row(
        "GOTRUE_URI_ALLOW_LIST",
        read.words,
        None,
        "messages.redirect_allow_list",
        "Globs of addresses that `redirect_to` may name beside `GOTRUE_SITE_URL`: `*` and `?` stop "
        "at `.` and `/`, `**` does not.",
    ),
    _row(
        "GOTRUE_MAILER_OTP_EXP",
        parse.code_life,
        "86400",
        "messages.otp_life",
        "How long links and codes of mails are good for. 0 means a day.",
    ),
    _row(
        "GOTRUE_MAILER_OTP_LENGTH",
        parse.code_length,
        "6",
        "messages.otp_length",
        "Digits of the codes in mails; anything but 6–10 means 6.",
    ),
    _row(
        "GOTRUE_MAILER_SECURE_EMAIL_CHANGE_ENABLED",
        read.boolean,
        "true",
        "messages.secure_email_change",
        "A new address has to be confirmed from the old one as well.",
    ),
    _row(
        "GOTRUE_MAILER_EXTERNAL_HOSTS",
        read.words,
        None,
        "messages.external_hosts",
        "Hosts that `X-Forwarded-Host` may put into links instead of `API_EXTERNAL_URL`.",
    ),
    _row(
        "GOTRUE_EXTERNAL_FLOW_STATE_EXPIRY_DURATION",
        parse.flow_life,
        "5m",
        "messages.flow_life external.flow_life",
        "How long the code of a PKCE flow can be exchanged; at least 5 minutes.",
    ),
    _row(
        "GOTRUE_RATE_LIMIT_EMAIL_SENT",
        parse.send_limit,
        "30",
        "messages.mail_limit",
        "Mails an hour from all processes together, or with a time: `30/10m`; 0: none. As in "
        "GoTrue they are not counted while `GOTRUE_MAILER_AUTOCONFIRM` is on.",
    ),
    _row(
        "GOTRUE_SMTP_MAX_FREQUENCY",
        parse.pause,
        "1m",
        "messages.mail_frequency",
        "Least time between two mails of a kind to one account.",
    ),
)

_SMTP: Final = (
    _row(
        "GOTRUE_SMTP_HOST",
        read.text,
        None,
        "delivery.smtp_host",
        "Mail server. Unset: nothing is sent, and what needs a mail is refused.",
    ),
    _row("GOTRUE_SMTP_PORT", read.port, "587", "delivery.smtp_port", "465: TLS from the start."),
    _row("GOTRUE_SMTP_USER", read.text, None, "delivery.smtp_user", "User name, if it wants one."),
    _row(
        "GOTRUE_SMTP_PASS",
        read.secret,
        None,
        "delivery.smtp_password",
        "Its password; never sent without TLS except to this machine.",
    ),
    _row(
        "GOTRUE_SMTP_ADMIN_EMAIL",
        read.text,
        None,
        "delivery.smtp_sender",
        "Address that mails are from. Default: `noreply@` and the host of `API_EXTERNAL_URL`.",
    ),
    _row("GOTRUE_SMTP_SENDER_NAME", read.text, None, "delivery.smtp_sender_name", "Its name."),
    _row(
        "GOTRUE_SMTP_HEADERS",
        parse.mail_headers,
        None,
        "delivery.smtp_headers",
        "Further headers of every mail, a JSON object.",
    ),
)

_SMS: Final = (
    _row(
        "GOTRUE_SMS_TEMPLATE",
        read.text,
        "Your code is {{ .Code }}",
        "messages.sms_template",
        "Text of an SMS.",
    ),
    _row(
        "GOTRUE_SMS_OTP_EXP",
        parse.sms_code_life,
        "60",
        "messages.sms_otp_life",
        "How long codes of SMS are good for. 0 means 60.",
    ),
    _row(
        "GOTRUE_SMS_OTP_LENGTH",
        parse.code_length,
        "6",
        "messages.sms_otp_length",
        "Digits of the codes in SMS; anything but 6–10 means 6.",
    ),
    _row(
        "GOTRUE_SMS_MAX_FREQUENCY",
        parse.pause,
        "1m",
        "messages.sms_frequency",
        "Least time between two SMS of a kind to one account.",
    ),
    _row(
        "GOTRUE_RATE_LIMIT_SMS_SENT",
        parse.send_limit,
        "30",
        "messages.sms_limit",
        "SMS an hour from all processes together, or with a time: `30/10m`; 0: none. Not counted "
        "while `GOTRUE_SMS_AUTOCONFIRM` is on, nor for test numbers.",
    ),
    _row(
        "GOTRUE_SMS_TEST_OTP",
        parse.test_codes,
        None,
        "messages.sms_test_codes",
        "Numbers that get no SMS and have a fixed code, as second factors too: "
        "`4915112345:123456,…`.",
    ),
    _row(
        "GOTRUE_SMS_TEST_OTP_VALID_UNTIL",
        parse.moment,
        None,
        "messages.sms_test_until",
        "When the fixed codes end (RFC 3339).",
    ),
)

MESSAGES: Final[Mapping[str, tuple[Setting, ...]]] = {
    "Links and codes": _LINKS,
    "Mail": (*_SMTP, *_kinds()),
    "SMS": (*SMS_PROVIDERS, *_SMS),
}
