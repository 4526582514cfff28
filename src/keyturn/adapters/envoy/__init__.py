"""Envoy: its files, its binary and its access log."""
