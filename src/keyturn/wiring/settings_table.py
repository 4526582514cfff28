"""Every environment variable that `keyturn serve` reads: one row each.

``docs/reference/settings.md`` is rendered from this table. GoTrue's names come with GoTrue's
defaults (gotrue.md §1.1, §3.2, §6); where ours differs, the meaning says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from keyturn.wiring.settings_accounts import ACCOUNTS
from keyturn.wiring.settings_external import EXTERNAL
from keyturn.wiring.settings_factors import FACTORS
from keyturn.wiring.settings_guards import GUARDS
from keyturn.wiring.settings_hooks import HOOKS
from keyturn.wiring.settings_messages import MESSAGES
from keyturn.wiring.settings_oauth import OAUTH_SERVER
from keyturn.wiring.settings_operation import OPERATION
from keyturn.wiring.settings_process import PROCESS
from keyturn.wiring.settings_row import Setting

SECTIONS: Final[Mapping[str, tuple[Setting, ...]]] = {
    **PROCESS,
    **ACCOUNTS,
    **FACTORS,
    **HOOKS,
    **OAUTH_SERVER,
    **EXTERNAL,
    **GUARDS,
    **MESSAGES,
    **OPERATION,
}
TABLE: Final[tuple[Setting, ...]] = tuple(row for rows in SECTIONS.values() for row in rows)
