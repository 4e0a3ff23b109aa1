"""Which parts of which frames an answer hangs on."""
