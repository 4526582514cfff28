"""Envoy's configuration as a pure rendering of routes, keys and upstreams."""
