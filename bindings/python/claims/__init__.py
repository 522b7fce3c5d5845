"""What `scripts/show.sh` shows of the Python package. Each prints what it measured and ends with 0 where it holds."""
