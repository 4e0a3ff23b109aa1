"""Files before they are opened: what stands at a path, its hash; and files that are there whole or not at all."""
