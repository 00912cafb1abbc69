"""Which revision of the definitions made a figure: figures of another one are computed again."""

from __future__ import annotations

import hashlib

from pipeline.metrics.network import NETWORK_METRICS
from pipeline.metrics.station import STATION_METRICS

EVIDENCE = 1
"""Raised whenever the evidence that the expressions are aggregated over comes to mean something else."""

REVISION = hashlib.blake2s(
    "\n".join(
        [str(EVIDENCE), *(f"{one.name}={one.expression}" for one in (*STATION_METRICS, *NETWORK_METRICS))]
    ).encode(),
    digest_size=8,
).hexdigest()
"""Changes with every expression."""
