select
    r.version, r.token_life as announced_life, k.kid, k.alg, k.state, k.legacy, k.created_at,
    k.published_at, k.promoted_at, k.retired_at, k.revoked_at, k.tokens_until, k.token_life
from keyturn.ring r
left join keyturn.signing_keys k on true
order by k.created_at, k.kid
