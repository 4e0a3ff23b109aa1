"""Who may call a page of this machine, and calls of web hooks, which no peer can hold up."""
