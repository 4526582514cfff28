"""The key ring: signing keys, their states, and the documents rendered from them."""
