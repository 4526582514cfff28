"""Strict JOSE: keys, JWK and JWKS, compact JWS and JWT (RFC 7515, 7517, 7518, 7519, 8037, 8725)."""
