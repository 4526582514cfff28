"""The console: how things stand, on one page, read-only, without any secret."""
