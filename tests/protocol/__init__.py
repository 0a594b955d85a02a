"""The delivery protocol as an executable model: random schedules of crashes against an oracle, and planted bugs."""

# Modelled: admission with lifts and switches of plans, turns of several origins or hop partitions that share their
# records, blocks of one record, rings of facts, revisions, owners, fronts in records of their own, checkpoints of
# journal and images, the ring read again from a mark, promises and what is held back for them. Not modelled: reference
# data (but records that are judged alone), timers, caps and panes, online models, events of two parties, the embedded
# broker, sections of an old and a new owner of one origin in one record, what a broker may lose.
# A ring bounded by its size drops more or less after a restart than before (a copy of what lies before the mark takes a
# place); here the bound counts all that has come since, so that a restart changes nothing. What such a ring has also
# depends on when held items were judged, which is not restored: no schedule has both.
