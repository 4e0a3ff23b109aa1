"""Reports as pages: a training's, an evaluation's and an export's, each one HTML file that needs nothing else."""
