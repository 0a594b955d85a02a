"""What makes the figures in the README: `python -m bench NAME` prints a table and, last, one line of JSON."""
