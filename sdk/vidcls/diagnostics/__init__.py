"""What runs on this machine, and how fast."""
