"""Life cycles: files that say which steps a product's loans go through, made into features and rules of the plan."""
