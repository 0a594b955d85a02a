"""What a book made of events promises."""
