"""What partitions say to each other: events, how far each is, what else is to come; and each heard once, in order.

Senders write `sections`, `fronts` and `promises`; a hop hears by `channels`, and keeps what is early on `hold`.
"""
