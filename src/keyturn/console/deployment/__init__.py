"""The console of one deployment folder: the same plans, journal and doctor as the command line."""
