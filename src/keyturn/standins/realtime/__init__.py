"""Realtime at its auth boundary: sockets, joins, REST broadcast and the tenants API's check."""
