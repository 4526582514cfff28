"""The token verifier: a policy, a key set, a verdict."""
