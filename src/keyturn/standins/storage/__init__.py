"""Storage at its auth boundary: objects in memory, signed URLs, uploads and the S3 protocol."""
