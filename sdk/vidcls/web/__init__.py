"""Pages for browsers and calls of web hooks, on the standard library alone: no peer can hold up the program."""
