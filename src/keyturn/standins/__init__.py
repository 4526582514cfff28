"""Small local services that behave at their boundary as their profile says."""
