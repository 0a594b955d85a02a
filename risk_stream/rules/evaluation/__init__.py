"""A plan at work: conditions compiled, and batches of events judged by them."""
