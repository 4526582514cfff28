"""What the flows that send mail and SMS can be told, with GoTrue's defaults (gotrue.md §6.1, §6.4).

How a message leaves the house (SMTP, the SMS provider) is the adapters' business.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

KINDS = (
    "confirmation",
    "invite",
    "recovery",
    "magic_link",
    "email_change",
    "reauthentication",
)
"""Every kind of mail that somebody asks for, by GoTrue's words for its templates and subjects."""

NOTIFICATIONS = (
    "password_changed",
    "email_changed",
    "phone_changed",
    "identity_linked",
    "identity_unlinked",
    "mfa_factor_enrolled",
    "mfa_factor_unenrolled",
)
"""What an account may be told of by mail; the kind of the mail ends in ``_notification``."""
NOTICES = tuple(f"{name}_notification" for name in NOTIFICATIONS)


@dataclass(frozen=True, slots=True)
class SendLimit:
    """At most ``count`` messages per ``period`` from all processes together."""

    count: int
    period: timedelta = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class MessageSettings:
    """Behaviour of one-time tokens and the messages that carry them."""

    redirect_allow_list: tuple[str, ...] = ()  # URI_ALLOW_LIST: globs
    external_hosts: tuple[str, ...] = ()  # MAILER_EXTERNAL_HOSTS
    otp_life: int = 86_400  # MAILER_OTP_EXP, seconds
    otp_length: int = 6  # MAILER_OTP_LENGTH, 6–10
    secure_email_change: bool = True  # MAILER_SECURE_EMAIL_CHANGE_ENABLED
    mail_frequency: timedelta = timedelta(minutes=1)  # SMTP_MAX_FREQUENCY
    mail_limit: SendLimit = SendLimit(30)  # RATE_LIMIT_EMAIL_SENT

    subject_confirmation: str = "Confirm Your Email"  # MAILER_SUBJECTS_*
    subject_invite: str = "You have been invited"
    subject_recovery: str = "Reset Your Password"
    subject_magic_link: str = "Your Magic Link"
    subject_email_change: str = "Confirm Email Change"
    subject_reauthentication: str = "Confirm reauthentication"
    template_confirmation: str = ""  # MAILER_TEMPLATES_*: URL or path; empty: ours
    template_invite: str = ""
    template_recovery: str = ""
    template_magic_link: str = ""
    template_email_change: str = ""
    template_reauthentication: str = ""
    path_confirmation: str = "/verify"  # MAILER_URLPATHS_*
    path_invite: str = "/verify"
    path_recovery: str = "/verify"
    path_email_change: str = "/verify"

    notify_password_changed: bool = False  # MAILER_NOTIFICATIONS_*_ENABLED
    notify_email_changed: bool = False
    notify_phone_changed: bool = False
    notify_identity_linked: bool = False
    notify_identity_unlinked: bool = False
    notify_mfa_factor_enrolled: bool = False
    notify_mfa_factor_unenrolled: bool = False
    subject_password_changed_notification: str = "Your password has been changed"  # noqa: S105
    subject_email_changed_notification: str = "Your email address has been changed"
    subject_phone_changed_notification: str = "Your phone number has been changed"
    subject_identity_linked_notification: str = "A new identity has been linked"
    subject_identity_unlinked_notification: str = "An identity has been unlinked"
    subject_mfa_factor_enrolled_notification: str = "A new MFA factor has been enrolled"
    subject_mfa_factor_unenrolled_notification: str = "An MFA factor has been unenrolled"
    template_password_changed_notification: str = ""
    template_email_changed_notification: str = ""
    template_phone_changed_notification: str = ""
    template_identity_linked_notification: str = ""
    template_identity_unlinked_notification: str = ""
    template_mfa_factor_enrolled_notification: str = ""
    template_mfa_factor_unenrolled_notification: str = ""

    sms_otp_life: int = 60  # SMS_OTP_EXP, seconds
    sms_otp_length: int = 6  # SMS_OTP_LENGTH, 6–10
    sms_template: str = "Your code is {{ .Code }}"  # SMS_TEMPLATE
    sms_frequency: timedelta = timedelta(minutes=1)  # SMS_MAX_FREQUENCY
    sms_limit: SendLimit = SendLimit(30)  # RATE_LIMIT_SMS_SENT
    sms_test_codes: Mapping[str, str] | None = None  # SMS_TEST_OTP: number → code
    sms_test_until: datetime | None = None  # SMS_TEST_OTP_VALID_UNTIL

    flow_life: timedelta = timedelta(minutes=5)  # EXTERNAL_FLOW_STATE_EXPIRY_DURATION

    def notifies(self, name: str) -> bool:
        """Tell whether users are told of ``name``, one of :data:`NOTIFICATIONS`."""
        found: bool = getattr(self, f"notify_{name}")
        return found

    def subject(self, kind: str) -> str:
        """Return the subject line of a kind of mail."""
        found: str = getattr(self, f"subject_{kind}")
        return found

    def path(self, kind: str) -> str:
        """Return the path of the link in a kind of mail; magic links use that of recovery."""
        found: str = getattr(self, f"path_{'recovery' if kind == 'magic_link' else kind}")
        return found

    def test_code(self, phone: str, now: datetime) -> str | None:
        """Return the fixed code of a test number, or None when it gets real messages."""
        if self.sms_test_until is not None and now >= self.sms_test_until:
            return None
        return (self.sms_test_codes or {}).get(phone)
