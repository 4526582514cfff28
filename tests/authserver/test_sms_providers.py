"""Codes by SMS through each provider: what it is asked over HTTP, and what its answers mean."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
from tests.support.web_double import JSON, Request, WebDouble, web_double

from keyturn.wiring.settings import BadSettings, load
from keyturn.wiring.sms import open_sms

OpenAuth = Callable[..., AbstractAsyncContextManager[Any]]
PHONE = "15005550006"
TEXT = "Din kode är {{ .Code }}"
CODE_AT = len("Din kode är ")


def variables(provider: str, double: WebDouble, **account: str) -> dict[str, str]:
    return {
        "GOTRUE_EXTERNAL_PHONE_ENABLED": "true",
        "GOTRUE_SMS_TEMPLATE": TEXT,
        "GOTRUE_SMS_PROVIDER": provider,
        "KEYTURN_SMS_URL": double.url,
        "GOTRUE_SMS_MAX_FREQUENCY": "0s",
        **{f"GOTRUE_SMS_{provider.upper()}_{name}": text for name, text in account.items()},
    }


MESSAGEBIRD = {"ACCESS_KEY": "a-key", "ORIGINATOR": "Keyturn"}
TEXTLOCAL = {"API_KEY": "a-key", "SENDER": "KEYTRN"}
VONAGE = {"API_KEY": "a-key", "API_SECRET": "a-secret", "FROM": "Keyturn"}
VERIFY = {"ACCOUNT_SID": "AC1", "AUTH_TOKEN": "a-token", "MESSAGE_SERVICE_SID": "VA1"}


@pytest.mark.parametrize(
    ("provider", "account", "what", "good", "bad", "number", "form"),
    [
        (
            "messagebird",
            MESSAGEBIRD,
            "POST /messages",
            {"id": "m1", "recipients": {"totalSentCount": 1}},
            (422, {"errors": [{"code": 9, "description": f"no (correct) recipients {PHONE}"}]}),
            "(9)",
            {
                "originator": "Keyturn",
                "body": TEXT,
                "recipients": PHONE,
                "type": "sms",
                "datacoding": "unicode",
            },
        ),
        (
            "textlocal",
            TEXTLOCAL,
            "POST /send",
            {"status": "success", "messages": [{"id": "m1"}]},
            (200, {"status": "failure", "errors": [{"code": 51, "message": PHONE}]}),
            "(51)",
            {"sender": "KEYTRN", "apikey": "a-key", "message": TEXT, "numbers": PHONE},
        ),
        (
            "vonage",
            VONAGE,
            "POST /sms/json",
            {"messages": [{"message-id": "m1", "status": "0"}]},
            (200, {"messages": [{"status": "29", "error-text": f"Non-Whitelisted {PHONE}"}]}),
            "(29)",
            {
                "from": "Keyturn",
                "to": PHONE,
                "text": TEXT,
                "api_key": "a-key",
                "api_secret": "a-secret",
                "type": "unicode",
            },
        ),
    ],
)
async def test_a_code(
    open_server: OpenAuth,
    provider: str,
    account: dict[str, str],
    what: str,
    good: object,
    bad: tuple[int, object],
    number: str,
    form: dict[str, str],
) -> None:
    async with web_double() as double:
        double.says(what, good)
        async with open_server(**variables(provider, double, **account)) as auth:
            assert (await auth.http.get("/settings")).json()["sms_provider"] == provider
            answer = await auth.http.post("/otp", json={"phone": f"+{PHONE}"})
            assert answer.status_code == 200, answer.text
            sent = double.last(what)
            told = next(text for text in sent.form.values() if text.startswith("Din kode"))
            code = told[CODE_AT:]
            assert sent.form == {
                name: text.replace("{{ .Code }}", code) for name, text in form.items()
            }
            key = sent.headers.get("authorization")
            assert key == ("AccessKey a-key" if provider == "messagebird" else None)
            body = {"phone": f"+{PHONE}", "token": code, "type": "sms"}
            assert (await auth.http.post("/verify", json=body)).status_code == 200
            again = await auth.http.post("/otp", json={"phone": f"+{PHONE}"})
            assert again.json() == {"message_id": "m1"}
            status, document = bad
            double.says(what, document, status=status)
            said = await auth.refused(
                422, "sms_send_failed", "POST", "/otp", json={"phone": f"+{PHONE}"}
            )
            assert number in said
            assert PHONE not in said
            double.says(what, b"<html>", status=502)
            said = await auth.refused(
                422, "sms_send_failed", "POST", "/otp", json={"phone": f"+{PHONE}"}
            )
            assert "502" in said
            whatsapp = {"phone": f"+{PHONE}", "channel": "whatsapp"}
            asked = len(double.asked)
            await auth.refused(422, "sms_send_failed", "POST", "/otp", json=whatsapp)
            assert len(double.asked) == asked


class Verify:
    """Twilio Verify: it makes the code, and takes it once."""

    code = "482913"

    def started(self, request: Request) -> tuple[int, str, bytes]:
        return 201, JSON, json.dumps({"sid": "VE1", "status": "pending"}).encode()

    def checked(self, request: Request) -> tuple[int, str, bytes]:
        if request.form["Code"] != self.code:
            return 200, JSON, json.dumps({"status": "pending", "valid": False}).encode()
        self.code = "used"
        return 200, JSON, json.dumps({"status": "approved", "valid": True}).encode()

    @property
    def answers(self) -> dict[str, Any]:
        return {
            "POST /v2/Services/VA1/Verifications": self.started,
            "POST /v2/Services/VA1/VerificationCheck": self.checked,
        }


async def test_twilio_verify_makes_and_checks_the_codes(open_server: OpenAuth) -> None:
    verify = Verify()
    async with web_double(answers=verify.answers) as double:
        given = variables("twilio_verify", double, **VERIFY)
        async with open_server(**given) as auth:
            wanted = {"phone": f"+{PHONE}", "channel": "whatsapp"}
            assert (await auth.http.post("/otp", json=wanted)).status_code == 200
            sent = double.last("POST /v2/Services/VA1/Verifications")
            assert sent.form == {"To": f"+{PHONE}", "Channel": "whatsapp"}
            pair = base64.b64encode(b"AC1:a-token").decode()
            assert sent.headers["authorization"] == f"Basic {pair}"
            body = {"phone": f"+{PHONE}", "token": "000000", "type": "sms"}
            await auth.refused(403, "otp_expired", "POST", "/verify", json=body)
            good = {**body, "token": "482913"}
            token = await auth.http.post("/verify", json=good)
            assert token.status_code == 200, token.text
            assert token.json()["user"]["phone"] == PHONE
            checked = double.last("POST /v2/Services/VA1/VerificationCheck")
            assert checked.form == {"To": f"+{PHONE}", "Code": "482913"}
            await auth.refused(403, "otp_expired", "POST", "/verify", json=good)
            again = await auth.http.post("/otp", json={"phone": f"+{PHONE}"})
            assert again.json() == {"message_id": "VE1"}
            stranger = {**good, "phone": "+15005550007"}
            verify.code = "482913"
            await auth.refused(403, "otp_expired", "POST", "/verify", json=stranger)
            double.says("POST /v2/Services/VA1/VerificationCheck", b"<html>", status=502)
            await auth.refused(403, "otp_expired", "POST", "/verify", json=good)


@pytest.mark.parametrize("provider", ["", "twilio_verify"])
async def test_a_number_for_tests_is_a_second_factor_too(
    open_server: OpenAuth, provider: str
) -> None:
    """With its fixed code, whoever makes the codes of other numbers; no message is sent."""
    async with web_double(answers=Verify().answers) as double:
        given = variables(provider, double, **VERIFY) if provider else {}
        phones = {
            "GOTRUE_SMS_TEST_OTP": f"{PHONE}:424242",
            "GOTRUE_MFA_PHONE_ENROLL_ENABLED": "true",
            "GOTRUE_MFA_PHONE_VERIFY_ENABLED": "true",
        }
        async with open_server(**given, **phones) as auth:
            headers = {"Authorization": f"Bearer {(await auth.sign_up())['access_token']}"}
            body = {"factor_type": "phone", "friendly_name": "p", "phone": f"+{PHONE}"}
            made = (await auth.http.post("/factors", json=body, headers=headers)).json()
            path = f"/factors/{made['id']}"
            asked = await auth.http.post(f"{path}/challenge", headers=headers)
            assert asked.status_code == 200, asked.text
            answer = {"challenge_id": asked.json()["id"], "code": "111111"}
            await auth.refused(
                422,
                "mfa_verification_failed",
                "POST",
                f"{path}/verify",
                json=answer,
                headers=headers,
            )
            answer["code"] = "424242"
            lifted = await auth.http.post(f"{path}/verify", json=answer, headers=headers)
            assert lifted.status_code == 200, lifted.text
        assert double.asked == []


@pytest.mark.parametrize(
    ("provider", "lacking"),
    [
        ("twilio", "GOTRUE_SMS_TWILIO_AUTH_TOKEN"),
        ("twilio_verify", "GOTRUE_SMS_TWILIO_VERIFY_MESSAGE_SERVICE_SID"),
        ("messagebird", "GOTRUE_SMS_MESSAGEBIRD_ORIGINATOR"),
        ("textlocal", "GOTRUE_SMS_TEXTLOCAL_API_KEY"),
        ("vonage", "GOTRUE_SMS_VONAGE_API_SECRET"),
    ],
)
def test_a_provider_without_its_credentials_is_refused_at_start(
    provider: str, lacking: str
) -> None:
    settings = load({"GOTRUE_SMS_PROVIDER": provider})
    with pytest.raises(BadSettings, match=lacking):
        open_sms(settings.delivery)
