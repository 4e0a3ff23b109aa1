"""VideoMAE whose patches are what a picture network makes of each frame."""
