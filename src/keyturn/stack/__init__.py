"""The supervisor of `keyturn up`: parts, their order, and what happens when one dies."""
