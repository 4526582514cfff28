"""Could another fetch of the published keys change the verdict on this token?

Asked only about tokens whose key is unknown, so that forgeries which no published key can save
do not cause requests. Only the header is read.
"""

from __future__ import annotations

from keyturn.jose import jws
from keyturn.jose.algs import ALGORITHMS
from keyturn.jose.errors import TokenRejected
from keyturn.verify.policy import Policy


def is_worth_a_fetch(token: str, policy: Policy) -> bool:
    """Whether the token's ``alg`` is accepted and belongs to keys that may be published."""
    try:
        header = jws.read_header(jws.split(token, policy.max_token_bytes).header)
    except TokenRejected:
        return False
    return any(
        header.get("alg") in ALGORITHMS[name].header_names and not ALGORITHMS[name].symmetric
        for name in policy.algorithms
    )
