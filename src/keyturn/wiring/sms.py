"""Builds what sends SMS: one row per provider, with the settings that it takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from keyturn.adapters.http_client import StandardHttpClient
from keyturn.adapters.sms_providers import MessageBirdSms, SmsAccount, TextlocalSms, VonageSms
from keyturn.adapters.sms_twilio import TWILIO, TwilioAccount, TwilioSms
from keyturn.adapters.sms_twilio_verify import VERIFY, TwilioVerifySms, VerifyAccount
from keyturn.flows.ports.http import HttpClient
from keyturn.flows.ports.messages import SmsCodes, SmsSender
from keyturn.secret import Secret
from keyturn.wiring.settings import BadSettings, DeliverySettings

_SECONDS: Final = 5.0


@dataclass(frozen=True)
class _Row:
    """``needs``: variable, without its prefix → field of the settings."""

    needs: Mapping[str, str]
    build: Callable[[DeliverySettings, HttpClient], SmsSender]


def _key(given: Secret | None) -> Secret:
    return given or Secret("")  # never empty: ``needs`` was checked


def _twilio(given: DeliverySettings, http: HttpClient) -> SmsSender:
    account = TwilioAccount(
        account_sid=given.twilio_account,
        auth_token=_key(given.twilio_token),
        sender=given.twilio_sender,
        content_sid=given.twilio_content,
        url=given.sms_url or TWILIO,
    )
    return TwilioSms(account, http)


def _verify(given: DeliverySettings, http: HttpClient) -> SmsSender:
    account = VerifyAccount(
        account_sid=given.verify_account,
        auth_token=_key(given.verify_token),
        service=given.verify_service,
        url=given.sms_url or VERIFY,
    )
    return TwilioVerifySms(account, http)


def _messagebird(given: DeliverySettings, http: HttpClient) -> SmsSender:
    key = _key(given.messagebird_key)
    return MessageBirdSms(SmsAccount(key, given.messagebird_sender, url=given.sms_url), http)


def _textlocal(given: DeliverySettings, http: HttpClient) -> SmsSender:
    key = _key(given.textlocal_key)
    return TextlocalSms(SmsAccount(key, given.textlocal_sender, url=given.sms_url), http)


def _vonage(given: DeliverySettings, http: HttpClient) -> SmsSender:
    key, secret = _key(given.vonage_key), given.vonage_secret
    return VonageSms(SmsAccount(key, given.vonage_sender, secret, given.sms_url), http)


_PROVIDERS: Final[Mapping[str, _Row]] = {
    "twilio": _Row(
        {
            "TWILIO_ACCOUNT_SID": "twilio_account",
            "TWILIO_AUTH_TOKEN": "twilio_token",
            "TWILIO_MESSAGE_SERVICE_SID": "twilio_sender",
        },
        _twilio,
    ),
    "twilio_verify": _Row(
        {
            "TWILIO_VERIFY_ACCOUNT_SID": "verify_account",
            "TWILIO_VERIFY_AUTH_TOKEN": "verify_token",
            "TWILIO_VERIFY_MESSAGE_SERVICE_SID": "verify_service",
        },
        _verify,
    ),
    "messagebird": _Row(
        {
            "MESSAGEBIRD_ACCESS_KEY": "messagebird_key",
            "MESSAGEBIRD_ORIGINATOR": "messagebird_sender",
        },
        _messagebird,
    ),
    "textlocal": _Row(
        {"TEXTLOCAL_API_KEY": "textlocal_key", "TEXTLOCAL_SENDER": "textlocal_sender"},
        _textlocal,
    ),
    "vonage": _Row(
        {
            "VONAGE_API_KEY": "vonage_key",
            "VONAGE_API_SECRET": "vonage_secret",
            "VONAGE_FROM": "vonage_sender",
        },
        _vonage,
    ),
}


def open_sms(delivery: DeliverySettings) -> tuple[SmsSender | None, SmsCodes | None]:
    """Return what sends SMS and, where the provider makes the codes, what checks them.

    Raises ``BadSettings`` naming what the provider lacks.
    """
    if not delivery.sms_provider:
        return None, None
    row = _PROVIDERS[delivery.sms_provider]
    lacking = [
        f"GOTRUE_SMS_{name}" for name, field in row.needs.items() if not getattr(delivery, field)
    ]
    if lacking:
        names = " and ".join(lacking)
        raise BadSettings(f"GOTRUE_SMS_PROVIDER={delivery.sms_provider} takes {names} as well.")
    sender = row.build(delivery, StandardHttpClient(timeout=_SECONDS))
    return sender, sender if isinstance(sender, TwilioVerifySms) else None
