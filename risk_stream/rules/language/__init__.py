"""Expressions: their text is read, its names and kinds are checked, and what is left is a meaning without names."""
