"""The Protocols through which flows reach the outside world."""
