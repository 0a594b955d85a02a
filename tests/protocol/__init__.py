"""The delivery protocol as an executable model: random schedules of crashes against an oracle, and planted bugs."""
