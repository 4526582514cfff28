"""The only I/O: PostgreSQL, files, processes, Envoy, hashing."""
