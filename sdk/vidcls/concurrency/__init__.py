"""Work beside the caller's own: in threads that end with their owner, and in processes that can be ended."""
