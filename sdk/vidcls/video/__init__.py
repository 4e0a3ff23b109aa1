"""Opens every source: a file or URL -> its frames, and when each is shown."""
