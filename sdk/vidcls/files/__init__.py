"""Files before they are opened: what stands at a path, its hash; files and folders that are there whole or not."""
