"""How each Supabase service verifies, as data."""
