select r.version, r.token_life from keyturn.ring r
