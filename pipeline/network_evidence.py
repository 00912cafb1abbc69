"""The evidence of the network: what its metrics are aggregated over, by span."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from pipeline.evidence import Found, traffic
from pipeline.pieces import cut


def network_evidence(stretches: DataFrame, found: Found, spans: DataFrame) -> DataFrame:
    """system_id, span, is_polled_here and the columns that `pipeline/metrics/network.py` names.

    ``stretches`` are those of `pipeline.timeline.timeline`.
    """
    pieces = cut(stretches, spans).withColumn("is_polled_here", F.expr("is_poll AND seen >= begins"))
    return pieces.unionByName(traffic(found, spans).drop("station_id"), allowMissingColumns=True)
