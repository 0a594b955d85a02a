"""One rule of a file: what its keys say, each checked, and the version that all of it makes."""
