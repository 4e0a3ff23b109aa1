"""Numbers and frames -> pictures."""
