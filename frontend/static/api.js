/** Queries over HTTP. */

/** @param {string} url */
export function createApi(url) {
  /** @param {string} query @param {object} [variables] @returns {Promise<any>} the data; rejects with a reason */
  return async function ask(query, variables = {}) {
    const response = await fetch(url, {
      method: "POST",
      headers: { "Content-Type": "application/json", Accept: "application/graphql-response+json, application/json" },
      body: JSON.stringify({ query, variables }),
    });
    const { data, errors } = await response.json();
    if (errors?.length) throw new Error(errors[0].message);
    return data;
  };
}
