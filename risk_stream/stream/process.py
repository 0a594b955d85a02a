"""The process that does the work, wired: what `child` starts."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING, NoReturn

import faust
import psutil
from aiokafka.errors import KafkaError

from risk_stream.access import read_access
from risk_stream.catalogue import Catalogue, ProblemsError, load_catalogue
from risk_stream.catalogue.formats import LaterFormatError
from risk_stream.garbage import settle
from risk_stream.kafka import BrokerError, minimum_session, partition_counts, set_up_logging, wanted_topics
from risk_stream.kafka.releases import enter_house
from risk_stream.rules import Plan, PlanSource, with_models
from risk_stream.settings import Settings
from risk_stream.sinks import AlertSink, Keep, Metrics, ProfileSink
from risk_stream.stream.app import RiskApp, make_app
from risk_stream.stream.keeper import Keeper
from risk_stream.stream.model_gauges import model_page
from risk_stream.stream.outbox import Outbox
from risk_stream.stream.pipeline import Pipeline
from risk_stream.stream.plans import ApprovedPlans, PlanBook, PlanLog, UnapprovedError, await_approval, event_texts
from risk_stream.stream.plans.watcher import APPROVE, PUBLISH, PlanWatcher
from risk_stream.stream.state.log import KafkaStateLog
from risk_stream.stream.store import AlertStore
from risk_stream.stream.supervised import AGAIN, GO, SPARE, UNSOUND, VARIABLE, WRONG
from risk_stream.stream.warm import warm_up

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["main"]

#: A session where the broker does not say what it allows, s: Kafka's own minimum.
DEFAULT_SESSION = 6.0

#: How long a process whose supervisor is gone may take to stop, s: as long as that would have waited.
ALONE = 20.0

#: How long a thread may hold Python before another gets its turn, s: the one that reads Kafka and the one that judges
#: take turns, and the default of 5 ms would be latency at every step.
SWITCH = 0.0005

log = logging.getLogger("risk_stream.worker")


def _end(code: int, sentence: str) -> NoReturn:
    """End at once, without waiting for anything."""
    log.critical("%s", sentence)
    logging.shutdown()
    os._exit(code)


def _end_with_parent(patience: float = ALONE) -> None:
    """Stop as if told to when the supervisor is gone, and in any case soon after: nobody else ends it then."""

    def wait() -> None:
        sys.stdin.buffer.read()
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(patience)
        _end(AGAIN, f"the supervisor is gone, and the worker's process did not stop within {patience:g} s; ended")

    threading.Thread(target=wait, name="parent", daemon=True).start()


def _wait_as_spare(settings: Settings) -> None:
    """Read and compile all that a start needs, then wait to be sent to work; ends where the supervisor is gone.

    What is read here is read again then: rules and event types may be others by that time.
    """
    with contextlib.suppress(ProblemsError):  # they are said if they are still there when it goes to work
        catalogue = load_catalogue(*settings.events)
        warm_up(PlanSource(with_models(settings.rules, settings.models), catalogue, settings.calendars).plan)
    settle()
    if sys.stdin.buffer.readline() != GO:
        os._exit(0)


def build(settings: Settings, catalogue: Catalogue, metrics: Metrics) -> tuple[RiskApp, PlanSource]:
    """Everything, wired. Raises `BrokerError` and `ProblemsError`."""
    source = PlanSource(with_models(settings.rules, settings.models), catalogue, settings.calendars)
    counts = partition_counts(settings.broker)
    missing = [t.name for t in wanted_topics(settings, catalogue) if t.name not in counts]
    if missing:
        raise BrokerError(f"there is no topic {', '.join(missing)} at {settings.broker}: risk-stream topics create")
    least = minimum_session(settings.broker)
    session = max(settings.session_seconds, least if least is not None else DEFAULT_SESSION)
    keep = Keep(settings.redis_alerts, settings.redis_days, settings.redis_stream)
    sink = AlertSink(settings.redis, prefix=settings.redis_prefix, keep=keep)
    profiles = ProfileSink(settings.redis, prefix=settings.redis_prefix, spread=counts[settings.alerts_topic])
    keeper = Keeper(settings.profiles_topic, profiles, metrics, source.plan)
    producer = Outbox(settings.broker)
    plans = PlanLog(settings.broker, settings.plans_topic, producer, partitions=counts[settings.plans_topic])
    four_eyes = read_access(settings.people_folder).four_eyes
    published = ApprovedPlans(plans, settings.broker, settings.life_topic) if four_eyes else plans
    book = PlanBook(source.plan, event_texts(settings.events), plans, source.kept)
    pipeline = Pipeline(
        settings,
        catalogue,
        source.plan,
        counts=counts,
        producer=producer,
        store=AlertStore(sink, metrics, keeper),
        metrics=metrics,
        fatal=lambda sentence: _end(AGAIN, sentence),
        state=KafkaStateLog(settings.broker, settings.state_topic, settings.group),
        book=book,
        keeper=keeper,
    )
    metrics.before_scrape(lambda: pipeline.lanes.health.say(metrics, settings.metrics_rules))
    metrics.page("/rules", pipeline.lanes.health.page)
    metrics.page("/models", lambda: model_page(pipeline.lanes.models))
    watch = set_up_logging(settings.log_level, settings.log_file, settings.broker, _lost(metrics))
    watcher = PlanWatcher(
        source,
        metrics,
        pipeline.use,
        book=book,
        published=published,
        advice=APPROVE if four_eyes else PUBLISH,
        named=pipeline.changes.names,
    )
    pipeline.changes.newest = watcher.newest
    pipeline.runs.refuse = lambda sentence: _end(WRONG, sentence)
    _say_unkept(settings, source.plan)
    app = make_app(settings, pipeline, watcher, watch, session=session)
    return app, source


def _say_unkept(settings: Settings, plan: Plan) -> None:
    """Say which models will have forgotten at the next start what they learn now."""
    pickled = [model.id for model in plan.scoring if model.is_pickled]
    if pickled and settings.durable and not settings.models_key.get_secret_value():
        log.warning("%s will begin anew at each restart: set RISK_STREAM_MODELS_KEY to a secret", ", ".join(pickled))


def _lost(metrics: Metrics) -> Callable[[], None]:
    return lambda: metrics.add("risk_stream_log_lines_lost_total")


def main() -> NoReturn:
    """Work until told to stop."""
    settings = Settings.model_validate_json(os.environ.pop(VARIABLE))
    began = psutil.Process().create_time()
    if SPARE in sys.argv:
        _wait_as_spare(settings)
        began = time.time()
    metrics = Metrics(entities=settings.metrics_entities)
    set_up_logging(settings.log_level, settings.log_file, settings.broker, _lost(metrics))
    sys.setswitchinterval(SWITCH)
    _end_with_parent()
    try:
        catalogue = load_catalogue(*settings.events)
        if read_access(settings.people_folder).four_eyes:
            asyncio.run(await_approval(settings.broker, settings.life_topic))
        asyncio.run(enter_house(settings))
        app, source = build(settings, catalogue, metrics)
        if settings.metrics_port:
            metrics.serve(settings.metrics_host, settings.metrics_port)
    except ProblemsError as exc:
        for problem in exc.problems:
            log.error("%s", problem)
        _end(UNSOUND, f"the worker cannot start: {len(exc.problems)} problems in its rules or event types")
    except LaterFormatError as exc:
        _end(WRONG, str(exc))
    except BrokerError as exc:
        _end(AGAIN, str(exc))
    except OSError as exc:
        where = f"{settings.metrics_host}:{settings.metrics_port}"
        _end(WRONG, f"cannot serve /metrics at {where} ({exc.strerror}): set RISK_STREAM_METRICS_PORT to a free port")
    warm_up(source.plan)
    settle()
    log.info(
        "plan %s with %d rules, group %s, broker %s",
        source.plan.version,
        len(source.plan.rules),
        settings.group,
        settings.broker,
    )
    log.debug("joining the group %.2f s after the process began", time.time() - began)
    _work(_Worker(app, override_logging=False, redirect_stdouts=False, quiet=True), app, settings.broker)


class _Worker(faust.Worker):
    """Faust's, which stops on SIGTERM and SIGINT, and says on SIGUSR1 where each thread and task stands."""

    def _enter_debugger(self) -> None:
        """SIGUSR2: nobody sits before a process that works, and waiting for commands it would judge nothing."""
        log.warning("SIGUSR2 means nothing to a worker; SIGUSR1 says where its threads stand")


def _work(worker: faust.Worker, app: RiskApp, broker: str) -> NoReturn:
    """The top of the process: whatever ends the app is one sentence, and the supervisor goes on.

    What Faust gives as the reason is an exit code, or a part of it that was cancelled as another failed: the app knows
    what failed first.
    """
    try:
        worker.execute_from_commandline()
    except (Exception, SystemExit, asyncio.CancelledError) as exc:
        failure = app.failure or exc
        code = exc.code if isinstance(exc, SystemExit) else AGAIN
        if not code or isinstance(failure, SystemExit):
            logging.shutdown()
            os._exit(AGAIN if code else 0)
        log.debug("crash", exc_info=failure)
        if isinstance(failure, LaterFormatError):
            _end(WRONG, str(failure))
        if isinstance(failure, UnapprovedError):
            _end(AGAIN, str(failure))
        who = f"the broker at {broker}" if isinstance(failure, KafkaError) else "the worker"
        _end(AGAIN, f"{who} failed: {failure!r}")
