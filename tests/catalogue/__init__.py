"""What the catalogue promises to those who write event types and to those who send events."""
