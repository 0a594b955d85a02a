"""What the names in a rule file stand for: features, patterns and constants, its own and those that it imports."""
