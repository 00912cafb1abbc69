/** The ground under the stations: tiles where there are some, a scale always, and words when there are none. */

const FAILURES = 4; // tiles that must fail before we say so, when none has come

/**
 * The bounds of the places but for the outermost twentieth on each side: one stray station must not shrink a city.
 * @param {{lat: number, lon: number}[]} places @returns {[[number, number], [number, number]]}
 */
export function middle(places) {
  const cut = Math.floor(places.length / 20);
  const span = (name) =>
    places
      .map((place) => place[name])
      .sort((a, b) => a - b)
      .slice(cut, places.length - cut);
  const [lats, lons] = [span("lat"), span("lon")];
  return [
    [lats[0], lons[0]],
    [lats.at(-1), lons.at(-1)],
  ];
}

export class Background {
  #map;
  #tiles;
  #onNotice;
  #isPlaced = false;
  #isGrounded = false;
  #failed = 0;
  #loaded = 0;

  /** @param {object} leaflet @param {object} map @param {?object} tiles @param {(key: ?string) => void} onNotice */
  constructor(leaflet, map, tiles, onNotice) {
    this.#map = map;
    this.#tiles = tiles;
    this.#onNotice = onNotice;
    leaflet.control.scale({ imperial: false }).addTo(map);
    leaflet.control.zoom({ position: "bottomright" }).addTo(map);
    map.attributionControl.setPrefix("Leaflet");
    tiles?.on("tileload", () => this.#count(1, 0)).on("tileerror", () => this.#count(0, 1));
  }

  /** Look at these places, once; only then are tiles asked for. @param {{lat: number, lon: number}[]} places */
  look(places) {
    if (this.#isPlaced || !places.length) return;
    this.#isPlaced = true;
    this.#map.fitBounds(middle(places), { padding: [30, 30], animate: false, maxZoom: 16 });
    this.ground();
  }

  /**
   * Look at these places in the part of the map that an open panel leaves free.
   * @param {{lat: number, lon: number}[]} places @returns {() => void} what looks again at what was looked at before
   */
  lookBeside(places) {
    const [centre, zoom, { x, y }] = [this.#map.getCenter(), this.#map.getZoom(), this.#map.getSize()];
    const isNarrow = matchMedia("(max-width: 700px)").matches;
    const paddingBottomRight = isNarrow ? [30, 0.64 * y + 20] : [Math.min(x / 2, 440), 30];
    const options = { paddingTopLeft: [30, 60], paddingBottomRight, animate: false, maxZoom: 16 };
    if (places.length) this.#map.fitBounds(middle(places), options);
    return () => this.#map.setView(centre, zoom, { animate: false });
  }

  /** Ask for tiles, once: the map looks at something. */
  ground() {
    if (this.#isGrounded) return;
    this.#isGrounded = true;
    this.#map.getContainer().classList.toggle("plain", !this.#tiles);
    if (this.#tiles) this.#tiles.addTo(this.#map);
    else this.#onNotice("tilesOff");
  }

  #count(loaded, failed) {
    this.#loaded += loaded;
    this.#failed += failed;
    const isMissing = this.#loaded === 0 && this.#failed >= FAILURES;
    this.#map.getContainer().classList.toggle("plain", isMissing);
    this.#onNotice(isMissing ? "tilesUnreachable" : null);
  }
}
