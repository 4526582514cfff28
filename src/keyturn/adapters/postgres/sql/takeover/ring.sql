select k.kid, k.alg, k.state, k.legacy
from keyturn.signing_keys k where k.state <> 'revoked' order by k.created_at, k.kid
