"""Settings of those who send SMS, under GoTrue's own names."""

from __future__ import annotations

from typing import Final

from keyturn.wiring import settings_parse as read
from keyturn.wiring.settings_row import Setting
from keyturn.wiring.settings_row import setting as _row

_ROWS: Final = (
    ("TWILIO_ACCOUNT_SID", read.text, "twilio_account", "Twilio account."),
    ("TWILIO_AUTH_TOKEN", read.secret, "twilio_token", "Its token."),
    (
        "TWILIO_MESSAGE_SERVICE_SID",
        read.text,
        "twilio_sender",
        "Messaging service (`MG…`) or number that messages are from.",
    ),
    (
        "TWILIO_CONTENT_SID",
        read.text,
        "twilio_content",
        "Content template of WhatsApp messages.",
    ),
    ("TWILIO_VERIFY_ACCOUNT_SID", read.text, "verify_account", "Twilio account, for Verify."),
    ("TWILIO_VERIFY_AUTH_TOKEN", read.secret, "verify_token", "Its token."),
    (
        "TWILIO_VERIFY_MESSAGE_SERVICE_SID",
        read.text,
        "verify_service",
        "Verify service (`VA…`). Twilio makes the codes and checks them.",
    ),
    ("MESSAGEBIRD_ACCESS_KEY", read.secret, "messagebird_key", "MessageBird's access key."),
    (
        "MESSAGEBIRD_ORIGINATOR",
        read.text,
        "messagebird_sender",
        "Number or name that messages are from.",
    ),
    ("TEXTLOCAL_API_KEY", read.secret, "textlocal_key", "Textlocal's key."),
    ("TEXTLOCAL_SENDER", read.text, "textlocal_sender", "Name that messages are from."),
    ("VONAGE_API_KEY", read.secret, "vonage_key", "Vonage's key."),
    ("VONAGE_API_SECRET", read.secret, "vonage_secret", "Its secret."),
    ("VONAGE_FROM", read.text, "vonage_sender", "Number or name that messages are from."),
)

SMS_PROVIDERS: Final[tuple[Setting, ...]] = (
    _row(
        "GOTRUE_SMS_PROVIDER",
        read.one_of("twilio", "twilio_verify", "messagebird", "textlocal", "vonage"),
        None,
        "delivery.sms_provider accounts.sms_provider",
        "Who sends SMS. Unset: nobody, and only test numbers work.",
    ),
    *(
        _row(f"GOTRUE_SMS_{name}", reads, None, f"delivery.{field}", meaning)
        for name, reads, field, meaning in _ROWS
    ),
    _row(
        "KEYTURN_SMS_URL",
        read.address,
        None,
        "delivery.sms_url",
        "Another service that speaks the provider's API, for instance Twilio's.",
        "KEYTURN_SMS_TWILIO_URL",
    ),
)
