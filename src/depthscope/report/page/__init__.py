"""Pages: what a run or a text has to show, as one HTML file that needs nothing else."""
