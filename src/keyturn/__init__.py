"""Keyturn turns the signing keys of a self-hosted Supabase while it is running."""

__version__ = "0.1.0"
