"""A model and clips -> trained weights, on Hugging Face's Trainer."""
