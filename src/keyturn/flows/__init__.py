"""One file per verb: the async business code, speaking only to ports."""
