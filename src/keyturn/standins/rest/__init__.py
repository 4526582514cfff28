"""A local stand-in for PostgREST: the same answers at its boundary, for one laptop."""
