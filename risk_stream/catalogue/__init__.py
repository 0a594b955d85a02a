"""Event types as data: what an event may hold, decoding it into columns, and saying what is wrong with it."""
