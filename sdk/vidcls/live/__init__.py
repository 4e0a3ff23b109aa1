"""Sources that never end: their frames as they come, windows by the clock, reconnection."""
