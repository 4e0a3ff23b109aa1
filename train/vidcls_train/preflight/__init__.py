"""What can be known of a run before PyTorch is loaded, which takes longest of all that comes before the first step."""
