"""Small local services that answer as the real ones do at their auth boundary."""
