select k.kid, k.alg, k.sealed from keyturn.signing_keys k where k.sealed is not null order by k.kid
