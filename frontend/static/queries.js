/** Every GraphQL document of the page; a test holds them against the schema. */

const STATUS = "state bikes docks bikesDisabled docksDisabled isInstalled isRenting isReturning polledAt lastReported";
const STATION = `id name lat lon capacity observedCapacity status { ${STATUS} }`;
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
