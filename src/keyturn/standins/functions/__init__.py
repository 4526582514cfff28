"""Edge Functions at their auth boundary: the main script's rules before one echo function."""
