"""Settings of its operation: logs, metrics, audit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from keyturn.wiring import settings_parse as read
from keyturn.wiring.settings_row import Setting
from keyturn.wiring.settings_row import setting as _row

OPERATION: Final[Mapping[str, tuple[Setting, ...]]] = {
    "Operation": (
        _row(
            "GOTRUE_AUDIT_LOG_DISABLE_POSTGRES",
            read.inverted,
            "false",
            "accounts.audit_log_postgres",
            "Write no rows to `auth.audit_log_entries`.",
        ),
        _row(
            "GOTRUE_LOG_LEVEL",
            read.one_of("debug", "info", "warn", "warning", "error"),
            "info",
            "process.log_level",
            "Least level that is logged; requests are `info`.",
            "LOG_LEVEL",
        ),
        _row(
            "KEYTURN_LOG_FORMAT",
            read.one_of("auto", "json", "text"),
            "auto",
            "process.log_format",
            "`auto` is text on a terminal and JSON elsewhere.",
        ),
        _row(
            "KEYTURN_METRICS_PORT",
            read.port,
            None,
            "process.metrics_port",
            "Port of the Prometheus endpoint `/metrics`. Unset: no metrics are kept.",
        ),
        _row(
            "KEYTURN_METRICS_HOST",
            read.text,
            "127.0.0.1",
            "process.metrics_host",
            "Address of the Prometheus endpoint.",
        ),
    ),
}
