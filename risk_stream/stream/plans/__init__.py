"""Plans on Kafka: `risk.plans` holds every plan that a message may name, and which of them was published or approved.

The worker's `PlanWatcher` (`watcher`) says which plan is in force; commands and the console publish and approve.
"""

from __future__ import annotations

from risk_stream.stream.plans.approved import ApprovedPlans, UnapprovedError, await_approval, read_approvals
from risk_stream.stream.plans.book import PlanBook, PlanStore, UnknownPlanError, event_texts
from risk_stream.stream.plans.log import PlanLog, publish_plan, published_plan, store_plan
from risk_stream.stream.plans.parts import Manifest, part_key, read_manifest, text_of, unpack_plan

__all__ = [
    "ApprovedPlans",
    "Manifest",
    "PlanBook",
    "PlanLog",
    "PlanStore",
    "UnapprovedError",
    "UnknownPlanError",
    "await_approval",
    "event_texts",
    "part_key",
    "publish_plan",
    "published_plan",
    "read_approvals",
    "read_manifest",
    "store_plan",
    "text_of",
    "unpack_plan",
]
