"""Builds what sends mail and SMS, as far as the settings name somebody to hand them to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from keyturn.accounts.message_settings import KINDS, NOTICES
from keyturn.adapters.background import Background
from keyturn.adapters.http_client import StandardHttpClient
from keyturn.adapters.postgres.one_time_store import PostgresOneTimeStore
from keyturn.adapters.postgres.pool import Pool
from keyturn.authserver.reporting import Log, defect
from keyturn.errors import KeyturnError
from keyturn.flows.ports.messages import Mailer, Messages
from keyturn.wiring.settings import Settings
from keyturn.wiring.sms import open_sms

_FETCH_SECONDS = 5.0


def open_messages(settings: Settings, pool: Pool, log: Log) -> tuple[Messages, Background]:
    """Return what the flows send with, and the background work to settle before the end.

    Raises ``BadSettings`` when an SMS provider is named without its credentials.
    """
    background = Background(_telling(log))
    sms, codes = open_sms(settings.delivery)
    messages = Messages(
        settings=settings.messages,
        store=PostgresOneTimeStore(pool),
        later=background,
        external_url=settings.server.external_url,
        mailer=_mailer(settings, log),
        sms=sms,
        sms_codes=codes,
    )
    return messages, background


def _telling(log: Log) -> Callable[[BaseException], None]:
    def failed(error: BaseException) -> None:
        cause = error.__cause__
        facts: Mapping[str, object] = defect(error)
        if isinstance(error, KeyturnError):
            known = cause if isinstance(cause, KeyturnError) else error
            facts = {"why": known.message, "hint": known.hint}
        log.event("error", "a message was not sent", facts)

    return failed


def _mailer(settings: Settings, log: Log) -> Mailer | None:
    delivery = settings.delivery
    if not delivery.smtp_host:
        return None
    # Imported here: a server without mail starts without it.
    from keyturn.adapters.mail.smtp import SmtpMailer, SmtpServer
    from keyturn.adapters.mail.sources import TemplateSources

    host = urlsplit(settings.server.external_url).hostname or "localhost"
    server = SmtpServer(
        host=delivery.smtp_host,
        port=delivery.smtp_port,
        sender=delivery.smtp_sender or f"noreply@{host}",
        sender_name=delivery.smtp_sender_name,
        user=delivery.smtp_user,
        password=delivery.smtp_password,
        headers=delivery.smtp_headers,
    )

    def warn(message: str, facts: Mapping[str, object]) -> None:
        log.event("warning", message, facts)

    places = {kind: getattr(settings.messages, f"template_{kind}") for kind in (*KINDS, *NOTICES)}
    http = StandardHttpClient(timeout=_FETCH_SECONDS)
    sources = TemplateSources(places, settings.accounts.site_url, http, warn)
    return SmtpMailer(server, sources)
