"""Planted bugs: each is a rule of the protocol left out, and a schedule must show that it is needed.


"""

from __future__ import annotations

__all__ = ["MUTANTS"]

MUTANTS = {
    # admission, lifts
    "floor_before_commit": "the lifted front is announced before its commit is accepted",
    "floor_not_at_end": "the clock is lifted although the log is not read to its end",
    "floor_unacked": "a lift or switch is committed while outputs are not acknowledged",
    "no_barrier": "a lift or switch before every receiver has a record of this generation",
    "barrier_hop0_only": "the barrier covers the first hop only, though admission sends to every hop",
    "end_before_barrier": "the log's end is asked at take-over, not after the barrier",
    "no_era_check": "hops take records of older generations of an origin's owner",
    "clock_not_restored": "the commit's offset is restored, the clock in its metadata is not",
    "commit_clock_now": "a commit carries the clock as of now, not as of its offset",
    "commit_unfenced": "the coordinator accepts a commit of an old generation",
    "lost_answer_goes_on": "a commit without an answer is taken for refused, the owner reads on",
    "commit_before_outputs": "a commit passes an output that no broker has",
    "lift_not_audited": "a new owner does not say in the audit topic what it found committed",
    "lateness_interleaved": "a hop judges lateness over its own, interleaved log",
    "lateness_at_receiver": "a hop judges lateness again, by the fastest clock it has heard",
    # plans
    "plan_before_commit": "the first record under a new plan is sent before its commit is accepted",
    "switch_not_at_end": "the plan is switched at the read position, not at an end asked after the barrier",
    "plan_not_restored": "the plan in the commit's metadata is not restored: a new owner takes the newest",
    "current_plan": "a revision is judged by the newest plan the hop has heard of",
    "copy_plan_silent": "copies under two plans: the first is kept, the audit topic does not say so",
    "copy_plan_last": "copies under two plans: the last one's plan is kept",
    "first_hop_by_plan": "the first hop of an event depends on the plan",
    "plan_dropped_early": "windows are kept for the newest plan only, though events of others are in the ring",
    "warming_unsaid": "a window that reaches behind what is kept is not flagged",
    # records, fronts
    "dedup_by_message": "a receiver drops or takes whole records by their first stamp",
    "no_sub_number": "two revised events of one block have one stamp",
    "receiver_idle": "a receiver leaves silent channels out of its clock",
    "prune_by_fastest": "the ring and the windows are pruned by the fastest channel",
    "reordered_sends": "no idempotent producer: a retried record is overtaken by the next one",
    "front_on_first_part": "the first record of a batch carries the front, not the last",
    "fronts_overtake": "fronts go by another producer than items, and may come first",
    "era_of_items_only": "the era is not checked in records of fronts",
    "grouped_by_plan": "a block's revised events leave plan by plan, not in the order of their stamps",
    "records_merged": "two records that lie one after the other are judged as one block",
    # judging
    "no_revision_forward": "events judged again are not sent on to later hops",
    "no_rejudge": "a late event is inserted, later events are not judged again",
    "old_verdict_guessed": "only verdicts that hold are sent, none is withdrawn",
    "revision_counter": "a verdict's revision counts since the restart, it is not the block's offset",
    "sink_last_arrival": "a sink keeps the last arrival instead of the highest revision",
    "was_forgotten": "a revision does not say what was said before",
    "ring_bound_by_size": "a full ring drops by how many it holds, not by how many have come since",
    # owners
    "owner_not_backfilled": "an owner that is taught late is not filled in behind the teaching event",
    "owner_from_always": "an owner holds for events before the one that teaches it, if they come after it",
    "owner_last": "a contradicting owner takes the key over",
    "owner_by_time": "of contradicting owners the first by (t, id) holds, though the other was sent to already",
    "owner_contradiction_silent": "contradicting owners: the audit topic does not say who holds",
    "unfilled_overrides": "an item from before its owner was known overrides the one filled in",
    "fill_is_copy": "an item that differs only in its owner is dropped as a copy",
    "fill_not_sent_on": "an event is sent on again only where its features changed, not where its owner is new",
    # checkpoint
    "fence_skipped": "the old owner of a lane is not fenced",
    "checkpoint_before_outputs": "a checkpoint is committed before all outputs up to n are acknowledged",
    "torn_checkpoint": "header and parts are not one transaction",
    "image_ahead": "an image taken after n goes into the checkpoint at n",
    "journal_ignores_image": "the journal is replayed without regard to the position of each chunk's image",
    "images_only": "the journal is not replayed",
    "journal_lost_on_abort": "what an aborted checkpoint held is not in the next one",
    "cut_too_early": "a restore begins at the last walk begun, not the last complete one",
    "owners_not_saved": "owners are not part of the checkpoint",
    "latest_vector": "what is known of the channels is saved as of the commit, not as of n",
    "fronts_not_restored": "the fronts are not restored",
    "eras_not_restored": "the eras are not restored",
    # the ring after a restart
    "ring_not_rebuilt": "the ring is empty after a restart",
    "ring_without_vector": "the log is read again from r with nothing known of the channels",
    "ring_vector_of_n": "the log is read again from r with what is known at n",
    "mark_too_late": "the log is read again from the last mark before n",
}
