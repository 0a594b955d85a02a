"""The two jobs as Flink SQL: statements that `FlinkSql.java` runs one after the other."""

from __future__ import annotations

from itertools import groupby

from bench.peers import heavy, plain
from bench.peers.heavy import Feature

__all__ = ["heavy_job", "plain_job"]

#: Time a row waits for others: none comes later within a partition, so the least that SQL allows.
_TIME = "rt AS TO_TIMESTAMP_LTZ(`time`, 3), WATERMARK FOR rt AS rt - INTERVAL '0.001' SECOND"


def _source(broker: str, topic: str, columns: str) -> str:
    return (
        f"CREATE TABLE events (id STRING, `time` BIGINT, {columns}, {_TIME}) WITH ('connector'='kafka',"
        f"'topic'='{topic}','properties.bootstrap.servers'='{broker}','format'='json',"
        "'scan.startup.mode'='earliest-offset','scan.bounded.mode'='latest-offset')"
    )


def _sink(broker: str, topic: str, columns: str) -> str:
    return (
        f"CREATE TABLE alerts (id STRING, {columns}) WITH ('connector'='kafka','topic'='{topic}',"
        f"'properties.bootstrap.servers'='{broker}','format'='json','sink.delivery-guarantee'='at-least-once',"
        "'properties.batch.size'='262144','properties.linger.ms'='20')"
    )


def _over(key: str, window_ms: int) -> str:
    """(t - window, t]: SQL's RANGE has both ends in it, so it is a millisecond shorter."""
    days, rest = divmod(window_ms - 1, 86_400_000)
    seconds = f"{rest // 3_600_000:02}:{rest // 60_000 % 60:02}:{rest // 1000 % 60:02}.{rest % 1000:03}"
    return (
        f"PARTITION BY {key} ORDER BY rt RANGE BETWEEN INTERVAL '{days} {seconds}' DAY TO SECOND(3) PRECEDING"
        " AND CURRENT ROW"
    )


def plain_job(broker: str, topic: str, alerts: str, threshold: float) -> list[str]:
    """Count and sum over ten minutes; an alert is a row with the three rules as booleans."""
    many, much, large = f"count_10m > {plain.MANY}", f"sum_10m > {threshold}", f"quantity > {plain.LARGE}"
    query = (
        f"INSERT INTO alerts SELECT id, count_10m, sum_10m, {many}, {much}, {large} FROM ("
        "SELECT id, quantity, COUNT(*) OVER w AS count_10m, SUM(amount) OVER w AS sum_10m FROM events"
        f" WINDOW w AS ({_over('customer', plain.WINDOW_MS)})) WHERE {many} OR {much} OR {large}"
    )
    return [
        _source(broker, topic, "customer STRING, quantity INT, amount DOUBLE"),
        _sink(broker, alerts, "count_10m BIGINT, sum_10m DOUBLE, `many` BOOLEAN, `much` BOOLEAN, `large` BOOLEAN"),
        query,
    ]


def heavy_job(broker: str, topic: str, alerts: str) -> list[str]:
    """30 features: all windows of one SELECT must be the same, so SELECTs are nested, one for each key and window.

    What looks at the event before this one is the present value of the row before (LAG), in a SELECT of its own.
    """
    plan = heavy.features()
    carried = ["id", "`time`", "rt", "customer", "account", "device", "instrument", "amount", "merchant", "read_by"]
    carried += ["issued_in", "paid_in", *(score for score, _ in heavy.RULES.values())]
    query = "events"
    kinds = list(dict.fromkeys(f.by for f in plan))
    for kind in kinds:
        of_kind = sorted((f for f in plan if f.by == kind), key=lambda f: f.window_ms)
        for window_ms, group in groupby(of_kind, key=lambda f: f.window_ms):
            made = [part for f in group for part in _columns(f)]
            selected = ", ".join([*carried, *(f"{value} AS {name}" for name, value in made)])
            query = f"(SELECT {selected} FROM {query} WINDOW w AS ({_over(kind, window_ms)}))"
            carried += [name for name, _ in made]
        earlier = [f for f in of_kind if f.op in {"last", "since"}]
        query = _before(query, kind, carried, earlier)
        carried = [c for c in carried if not c.endswith(("_v", "_t"))] + [f.name for f in earlier]
    scores = ", ".join(f"{score} DOUBLE" for score, _ in heavy.RULES.values())
    names = [f.name for f in plan]
    fired = {rule: heavy.condition(rule) for rule in heavy.RULES}
    columns = ", ".join([*(f"{n} DOUBLE" for n in names), *(f"{rule} BOOLEAN" for rule in fired)])
    values = ", ".join([*(f"CAST({n} AS DOUBLE)" for n in names), *(f"COALESCE({c}, FALSE)" for c in fired.values())])
    texts = "customer STRING, account STRING, device STRING, instrument STRING, amount DOUBLE, merchant STRING"
    return [
        _source(broker, topic, f"{texts}, read_by STRING, issued_in STRING, paid_in STRING, {scores}"),
        _sink(broker, alerts, columns),
        f"INSERT INTO alerts SELECT id, {values} FROM {query} WHERE {' OR '.join(f'({c})' for c in fired.values())}",
    ]


def _columns(feature: Feature) -> list[tuple[str, str]]:
    """(name, aggregate) of each column a feature needs of its window; two for one that looks at what was before."""
    name, op, field = feature.name, feature.op, feature.field
    where = feature.where.replace("==", "=").replace("!=", "<>").replace('"', "'")

    def chosen(value: str) -> str:
        return f"CASE WHEN {where} THEN {value} END" if where else value

    simple = {"mean": "AVG", "min": "MIN", "max": "MAX", "std": "STDDEV_POP", "first": "FIRST_VALUE"}
    if op == "count":
        return [(name, f"COUNT({chosen('1') if where else '*'}) OVER w")]
    if op == "sum":
        return [(name, f"SUM({f'CASE WHEN {where} THEN {field} ELSE 0 END' if where else field}) OVER w")]
    if op == "distinct":
        return [(name, f"COUNT(DISTINCT {chosen(str(field))}) OVER w")]
    if op in simple:
        return [(name, f"{simple[op]}({chosen(str(field))}) OVER w")]
    made = [(f"{name}_t", f"LAST_VALUE({chosen('`time`')}) OVER w")]
    return [*made, (f"{name}_v", f"LAST_VALUE({chosen(str(field))}) OVER w")] if op == "last" else made


def _before(query: str, kind: str, carried: list[str], earlier: list[Feature]) -> str:
    """The query with LAG of what `earlier` needs, and its values where they are within the window."""
    if not earlier:
        return query
    needed = [c for c in carried if c.endswith(("_t", "_v"))]
    kept = [c for c in carried if c not in needed]
    lagged = ", ".join(f"LAG({c}) OVER (PARTITION BY {kind} ORDER BY rt) AS {c}" for c in needed)
    values = ", ".join(
        f"CASE WHEN {f.name}_t > `time` - {f.window_ms} THEN"
        f" {f'{f.name}_v' if f.op == 'last' else f'CAST(`time` - {f.name}_t AS DOUBLE) / 1000'} END AS {f.name}"
        for f in earlier
    )
    return f"(SELECT {', '.join(kept)}, {values} FROM (SELECT {', '.join(kept)}, {lagged} FROM {query}))"
