"""Decision tables and scorecards: files that decide of an application, and that give points to it."""
