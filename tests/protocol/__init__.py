"""The delivery protocol as an executable model: random schedules of crashes against an oracle, and planted bugs."""

# Modelled: admission with lifts and switches of plans, turns of several origins or hop partitions that share their
# records, blocks of one record, rings of facts, revisions, owners, fronts in records of their own, checkpoints of
# journal and images, the ring read again from a mark. Not modelled: reference data, timers, caps and panes, online
# models, events of two parties, the embedded broker, sections of an old and a new owner of one origin in one record,
# what a broker may lose.
# A ring bounded by its size drops more or less after a restart than before (a copy of what lies before the mark takes a
# place); here the bound counts all that has come since, so that a restart changes nothing.
