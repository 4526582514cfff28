"""Values that SOPS keeps encrypted: the services get others, so nothing can be read or written."""

from __future__ import annotations

from typing import Final

from keyturn.deploy.inventory import Inventory
from keyturn.deploy.opened import text
from keyturn.migrate.refusals import CannotMigrate

_SOPS: Final = "ENC[AES256_GCM,"


class Encrypted(CannotMigrate):
    """The env file holds encrypted values; it must be read, and written, in clear."""

    code = "encrypted"


def stop_encrypted(inventory: Inventory) -> None:
    """Raise :class:`Encrypted` where a variable holds what SOPS made of its value."""
    for name, variable in inventory.variables.items():
        if (text(variable) or "").startswith(_SOPS):
            raise Encrypted(
                f"{name} is encrypted by SOPS here, and the services get it decrypted, so its "
                "value is not known.",
                place=variable.place,
                hint="`keyturn render sops DIR --edit FILE --phase N` changes the encrypted file "
                "itself; or decrypt a copy of the folder, and change that with --output.",
            )
