"""What a user's deployment says about keys: read exactly, never written from here."""
