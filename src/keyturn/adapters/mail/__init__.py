"""Mail: templates, and the way to the next mail server."""
