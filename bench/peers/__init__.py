"""The same jobs on risk-stream, Quix Streams, Bytewax, Flink and Kafka Streams: one core each, alerts checked."""

from bench.peers.run import run

__all__ = ["run"]
