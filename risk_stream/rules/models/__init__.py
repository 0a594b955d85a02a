"""Files of models: when one scores, by what, what it learns from, and how it is kept."""
