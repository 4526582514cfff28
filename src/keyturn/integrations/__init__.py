"""Glue for web frameworks: each module verifies a bearer token and hands the claims to a handler.

A framework is imported only by the module that is named after it, so none of them is needed to
use another. What the modules share (reading the header, answering a refusal) is in ``bearer``.
"""
