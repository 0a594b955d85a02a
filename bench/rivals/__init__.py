"""The plain job as others do it; each file runs by itself, in the environment that `bench.peers` makes for it."""
