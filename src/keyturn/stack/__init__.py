"""The supervisor of everything that ``keyturn up`` runs."""
