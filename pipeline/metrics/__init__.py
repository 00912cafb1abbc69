"""The one place where a metric has its name, its unit, its meaning and its expression.

The expressions are Spark SQL, to be aggregated over the *evidence* of one station, or of the network, in one local
hour or day (`pipeline/evidence.py` and `pipeline/network_evidence.py` make it). Evidence has rows of three kinds, each
with nulls in the columns of the others: pieces of observed time, changes of a count, and episodes.

The tables' columns, the descriptions in the API and `docs/metrics.md` are made from here.
"""

from __future__ import annotations

from pipeline.metrics.metric import Metric, Unobserved
from pipeline.metrics.network import NETWORK_METRICS
from pipeline.metrics.revision import REVISION
from pipeline.metrics.station import STATION_METRICS

__all__ = ["NETWORK_METRICS", "REVISION", "STATION_METRICS", "Metric", "Unobserved"]
