/** Elements, made without HTML text: whatever a feed says can only ever become text. */

/**
 * @param {string} tag
 * @param {Object<string, unknown>} [attributes] names as in HTML; a function is a listener ("onclick"); null and
 *   false leave the attribute out.
 * @param {...(Node | string | null)} children
 * @returns {HTMLElement}
 */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) set(element, name, value);
  element.append(...children.filter((child) => child !== null));
  return element;
}

/** @param {HTMLElement} element @param {string} name @param {unknown} value */
function set(element, name, value) {
  if (typeof value === "function") element.addEventListener(name.slice(2), /** @type {EventListener} */ (value));
  else if (value === true) element.setAttribute(name, "");
  else if (value !== null && value !== false && value !== undefined) element.setAttribute(name, String(value));
}

/** @param {Element} element @param {...(Node | string | null)} children */
export function fill(element, ...children) {
  element.replaceChildren(...children.filter((child) => child !== null));
}

/** Change a text only where it differs, so that nothing flickers and screen readers stay calm. */
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
