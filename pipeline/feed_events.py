"""What is worth a line in the process's log about a system's feeds: changes, not every fetch."""

from __future__ import annotations

import json
import logging

from pipeline.gbfs_model import Feed
from pipeline.model import FeedState, FeedStatus, StationStatus, VehicleStatus
from pipeline.observation import Observation

logger = logging.getLogger(__name__)

FINE = (FeedState.OK, FeedState.NOT_MODIFIED)


class FeedEvents:
    """Says once when a feed stops or starts observing, and when it breaks other rules than before."""

    def __init__(self, system_id: str) -> None:
        self._system_id = system_id
        self._failing: dict[Feed, tuple[FeedState, int]] = {}
        self._rules: dict[Feed, frozenset[str]] = {}

    def note(self, observation: Observation, seconds: float) -> None:
        """Log what an observation changes, and one line for the poll."""
        for feed, status in observation.feeds.items():
            self._note_state(feed, status)
            if status.is_observing:
                self._note_deviations(feed, status)
        logger.info("%s: %s, %.2f s", self._system_id, _in_words(observation), seconds)

    def _note_state(self, feed: Feed, status: FeedStatus) -> None:
        state, polls = self._failing.get(feed, (None, 0))
        if status.state in FINE:
            if state is not None:
                logger.info("%s %s: observes again after %d polls", self._system_id, feed, polls)
            self._failing.pop(feed, None)
            return
        if status.state is not state:
            logger.warning("%s %s: %s. %s", self._system_id, feed, status.state.lower(), status.reason)
        self._failing[feed] = status.state, polls + 1

    def _note_deviations(self, feed: Feed, status: FeedStatus) -> None:
        by_rule = json.loads(status.deviations_by_rule or "{}")
        rules = frozenset(by_rule)
        if rules == self._rules.get(feed, frozenset()):
            return
        self._rules[feed] = rules
        if not rules:
            logger.info("%s %s: deviations: none any more", self._system_id, feed)
            return
        counts = ", ".join(f"{found['count']} {rule}" for rule, found in by_rule.items())
        example = next(str(found["example"]) for found in by_rule.values())
        logger.info("%s %s: deviations: %s. %s", self._system_id, feed, counts, example)


def _in_words(observation: Observation) -> str:
    stations = [record for record in observation.records if isinstance(record, StationStatus)]
    vehicles = [record for record in observation.records if isinstance(record, VehicleStatus)]
    parts = []
    if _observes(observation, Feed.STATION_STATUS):
        parts.append(f"{len(stations)} stations, {sum(record.changed for record in stations)} changed")
    if _observes(observation, Feed.VEHICLE_STATUS):
        parts.append(f"{len(vehicles)} vehicles")
    return ", ".join(parts) or "nothing observed"


def _observes(observation: Observation, feed: Feed) -> bool:
    return feed in observation.feeds and observation.feeds[feed].is_observing
