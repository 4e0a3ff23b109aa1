"""What a person gives to be predicted: videos by name, by content, or as frames in memory."""
