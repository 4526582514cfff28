"""Facts about a deployment in, findings out: pure functions, one per fault."""
