/** Every GraphQL document of the page; a test holds them against the schema. */

const STATUS = "state bikes docks bikesDisabled docksDisabled isInstalled isRenting isReturning polledAt lastReported";
const STATION = `id name lat lon capacity observedCapacity capacityIsPlaceholder status { ${STATUS} }`;
const NETWORK = `polledAt stationsExpected stationsReporting bikes docks bikesDisabled docksDisabled
  empty nearlyEmpty full nearlyFull closed unknown vehiclesOutsideStations vehiclesReserved vehiclesDisabled
  stationsUnusable imbalance fleet vehiclesAbandoned vehiclesLowCharge chargeMedian`;
const FIGURES = `bikesMean bikesMin bikesMax docksMean docksMin docksMax
  emptySeconds fullSeconds closedSeconds observedSeconds coverage emptyShare fullShare`;

export const SYSTEMS = "query Systems { systems { id name timeZone operator } }";

export const SYSTEMS_MAP = `query SystemsMap {
  systems { id name operator stationCount bounds { south west north east } health { state } }
}`;

export const STATION_UPDATES = `subscription StationUpdates($system: ID!, $after: String) {
  stationUpdates(systemId: $system, after: $after) { snapshot cursor polledAt stations { ${STATION} } }
}`;

export const NETWORK_UPDATES = `subscription NetworkUpdates($system: ID!) {
  networkUpdates(systemId: $system) { ${NETWORK} }
}`;

export const STATION_DETAIL = `query StationDetail(
  $system: ID!, $station: ID!, $from: DateTime!, $to: DateTime!, $day: Date!
) {
  system(id: $system) {
    station(id: $station) {
      history(from: $from, to: $to) { state bikes docks polledAt }
      hours(from: $day, to: $day) { start hour ${FIGURES} }
    }
  }
}`;

export const NETWORK_HISTORY = `query NetworkHistory(
  $system: ID!, $from: DateTime!, $to: DateTime!, $step: Int
) {
  system(id: $system) { networkHistory(from: $from, to: $to, stepSeconds: $step) { ${NETWORK} } }
}`;

export const NETWORK_DAYS = `query NetworkDays($system: ID!, $from: Date!, $to: Date!) {
  system(id: $system) {
    networkDays(from: $from, to: $to) { date bikesMean bikesMin bikesMax docksMean emptyShare fullShare coverage }
  }
}`;

export const STATION_DAYS = `query StationDays($system: ID!, $day: Date!) {
  system(id: $system) { stationDays(date: $day) { station { id name } ${FIGURES} } }
}`;

export const RANKING = `query Ranking(
  $system: ID!, $metric: StationMetric!, $from: Date!, $to: Date!, $order: RankOrder!, $first: Int!
) {
  system(id: $system) {
    ranking(metric: $metric, from: $from, to: $to, order: $order, first: $first) {
      rank value coverage station { id name }
    }
  }
}`;

const NETWORK_FIGURES = `bikesMean bikesMin bikesMax docksMean fleetMean fleetMin fleetMax vehiclesOutsideStationsMean
  stationsEmptyMean stationsFullMean stationsUnusableMean stationsUnusableMax emptyShare fullShare
  arrivalsDebounced departuresDebounced coverage vehiclesCoverage`;

export const NETWORK_HOURS = `query NetworkHours($system: ID!, $day: Date!) {
  system(id: $system) { networkHours(from: $day, to: $day) { start ${NETWORK_FIGURES} } }
}`;

export const NETWORK_DAY = `query NetworkDay($system: ID!, $day: Date!) {
  system(id: $system) {
    networkDays(from: $day, to: $day) {
      polls ${NETWORK_FIGURES} occupancy imbalanceMean emptyEpisodes emptyEpisodeMedianSeconds fullEpisodes
      fullEpisodeMedianSeconds turnover vehiclesAbandonedMean vehiclesAbandonedMax chargeMedianMean lowChargeShare
    }
  }
}`;

export const STATION_WEEK = `query StationWeek($system: ID!, $station: ID!, $weeks: Int!, $to: Date!) {
  system(id: $system) {
    station(id: $station) {
      typicalWeek(weeks: $weeks, to: $to) {
        weekday hour weeks coverage bikesMean bikesMin bikesLowQuartile bikesMedian bikesHighQuartile bikesMax
        docksMean docksMin docksLowQuartile docksMedian docksHighQuartile docksMax
      }
    }
  }
}`;

export const STATION_EPISODES = `query StationEpisodes($system: ID!, $station: ID!, $from: Date!, $to: Date!) {
  system(id: $system) {
    station(id: $station) { episodes(from: $from, to: $to) { state start seconds isCensored } }
  }
}`;

export const SERVICE_LEVEL = `query ServiceLevel(
  $system: ID!, $from: Date!, $to: Date!, $minBikes: Int!, $minDocks: Int!, $fromHour: Int!, $toHour: Int!,
  $weekdays: [Weekday!], $target: Float!, $first: Int!
) {
  system(id: $system) {
    serviceLevel(
      from: $from, to: $to, minBikes: $minBikes, minDocks: $minDocks, fromHour: $fromHour, toHour: $toHour,
      weekdays: $weekdays, target: $target
    ) {
      share coverage isKept stationsKept stationsObserved target
      stations(first: $first) { share coverage isKept station { id name } }
    }
  }
}`;

export const VEHICLES = `query Vehicles(
  $system: ID!, $outside: Boolean, $reserved: Boolean, $disabled: Boolean, $order: VehicleOrder! = ID, $first: Int! = 100
) {
  system(id: $system) {
    vehicles(outsideStations: $outside, reserved: $reserved, disabled: $disabled, orderBy: $order, first: $first) {
      nodes { id lat lon station { id name } isReserved isDisabled stillSince isAbandoned rangeMeters charge polledAt }
    }
  }
}`;

export const FEEDS = `query Feeds($system: ID!) {
  system(id: $system) {
    feeds {
      name state reason fetch polledAt lastUpdated ttlSeconds latencyMs bytes deviationCount
      deviations { rule meaning count example }
    }
  }
}`;

export const FEED_HEALTH = `subscription FeedHealth($system: ID!) {
  feedHealth(systemId: $system) { state reason }
}`;
