"""The user's gateway, Kong or Envoy, as far as credentials go: a small proxy for rehearsals."""
