"""Users, sessions, refresh tokens and claims as pure values and decisions (GoTrue's rules)."""
