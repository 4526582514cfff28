"""How each Supabase service checks tokens and answers, as pure data and functions."""
