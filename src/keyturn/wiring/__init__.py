"""Settings read once; adapters built and handed out."""
