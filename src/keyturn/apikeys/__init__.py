"""API keys: the opaque ``sb_`` format and the legacy JWT pair."""
