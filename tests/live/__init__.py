"""Tests on real servers: Kafka, redis-server and Prometheus on free loopback ports, stopped by their process ids."""
