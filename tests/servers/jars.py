"""Which jars the servers are made of."""

from __future__ import annotations

from pathlib import Path

from pipeline.jars import Module, cache, fetched

KAFKA = "4.3.1"
CASSANDRA = "5.0.9"


SETS: dict[str, tuple[Module, ...]] = {
    f"kafka-{KAFKA}": (
        Module("org.apache.kafka", "kafka_2.13", KAFKA),
        # Kafka logs through slf4j 1.7: without this binding it is silent.
        Module("org.apache.logging.log4j", "log4j-slf4j-impl", "2.25.3", is_transitive=False),
    ),
    f"cassandra-{CASSANDRA}": (Module("org.apache.cassandra", "cassandra-all", CASSANDRA),),
}


def folder(name: str) -> Path:
    """The folder with the jars of ``SETS[name]``; fetched when it is not there. Raises JarsError."""
    return fetched(cache() / "servers" / name, SETS[name])
