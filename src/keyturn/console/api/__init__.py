"""The admin HTTP API: signing keys and API keys in the shapes of Supabase's Management API.

Source of the shapes: the OpenAPI document of 2026-06-01 in supabase/cli. What differs is said in
the summary of each operation, and so in ``openapi.json``.
"""
