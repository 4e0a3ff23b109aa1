"""Windows along a video and what is said of them: timelines and events."""
