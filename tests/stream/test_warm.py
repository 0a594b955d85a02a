"""After `warm_up` nothing is left to compile: not when a worker saves, takes over from another, or gets other rules."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import orjson
from numba.core.dispatcher import Dispatcher

from risk_stream.catalogue import Decoder, EventBatch, load_catalogue
from risk_stream.engine import Engine, Hop
from risk_stream.rules import Plan, load_plan
from risk_stream.stream.warm import warm_up

ROOT = Path(__file__).parents[2]
CATALOGUE = load_catalogue()
RULES = """\
stage: trading
owner: desk
features:
  sent: {{sum: amount, of: transfer, by: customer, window: 30d}}
  often: {{count: transfer, by: account, window: 1h}}
  paid_to: {{last: counterparty, of: transfer, by: customer, window: 1d}}
  {feature}: {{distinct: account, of: transfer, where: amount > {line}, by: device, window: 1h}}
rules:
  - {{id: big, on: transfer, when: sent > 100 and often > 1 and {feature} > 0 and paid_to != "P1",
     severity: low, summary: "{{customer}}"}}
"""
TIME = 1_700_000_000_000

#: What only growth needs, a second of compiling together.
SMALL = {"merge_free", "move", "rebuild_table"}


def plan_of(folder: Path, feature: str, line: int) -> Plan:
    path = folder / "rules.yaml"
    path.write_text(RULES.format(feature=feature, line=line))
    return load_plan([path], CATALOGUE)


def batch_of(first: int) -> EventBatch:
    """Fifty transfers of three customers, one of them behind the others."""
    events = [
        {
            "id": f"e{n}",
            "type": "transfer",
            "time": TIME + 1000 * (n if n % 50 else n + 7),
            "amount": n,
            "account": f"A{n % 5}",
            "customer": f"C{n % 3}",
            "device": "D1",
            "counterparty": f"P{n % 2}",
            "direction": "out",
        }
        for n in range(first, first + 50)
    ]
    batch, _, rejects = Decoder(CATALOGUE).decode([orjson.dumps(event) for event in events], str)
    assert rejects == []
    return batch


def live(plan: Plan, other: Plan) -> None:
    """Judge, save, restore, judge by other rules, and save and restore again."""
    engine = Engine(plan, journal=True)
    engine.apply(batch_of(0))
    parts = {kind: hop.images(1 << 20) for kind, hop in engine.hops.items()}
    for known in (plan, other):
        engine.use(known)
        engine.apply(batch_of(50 if known is plan else 100))
        for kind, hop in engine.hops.items():
            parts[kind] += hop.delta(hop.position)
            Hop(known, kind).restore(parts[kind], {p.version: p for p in (plan, other)})


def compiled() -> dict[str, int]:
    """Kernels that are kept on disk, and for how many kinds of arguments each is there in this process."""
    of_ours = [module for name, module in sys.modules.items() if name.startswith("risk_stream")]
    found = {id(v): v for module in of_ours for v in vars(module).values() if isinstance(v, Dispatcher)}
    return {f"{k.py_func.__module__}.{k.py_func.__name__}": len(k.signatures) for k in found.values()}


def main(folder: Path) -> None:
    """Print what was compiled, or read from the disk, after the worker had warmed up."""
    plan, other = plan_of(folder, "spread", 10), plan_of(folder, "spread_50", 50)
    warm_up(plan)
    before = compiled()
    live(plan, other)
    after = compiled()
    assert sum(after.values()) > 10, "kernels were not found"
    news = (name for name, n in after.items() if n > before.get(name, 0))
    print(sorted(name for name in news if name.rpartition(".")[2] not in SMALL))


def test_a_worker_that_saves_restores_and_gets_other_rules_compiles_nothing(tmp_path: Path) -> None:
    """In a process of its own: here other tests have compiled what they needed."""
    code = f"from pathlib import Path; from tests.stream.test_warm import main; main(Path({str(tmp_path)!r}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"
