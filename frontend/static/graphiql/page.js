/** GraphiQL over our API: queries by fetch, subscriptions by graphql-transport-ws. */

const root = document.getElementById("graphiql");
const url = new URL(root.dataset.graphql, location.href);
const socket = new URL(url);
socket.protocol = url.protocol.replace("http", "ws");

const fetcher = window.GraphiQL.createFetcher({
  url: url.href,
  wsClient: window.graphqlWs.createClient({ url: socket.href, shouldRetry: () => true }),
});

/** A subscription to begin with, for a system that is there. */
async function firstQuery() {
  const response = await fetch(url, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ query: "{ systems { id } }" }),
  });
  const { data } = await response.json();
  return `# Every station, live: press play.
subscription {
  stationUpdates(systemId: ${JSON.stringify(data.systems[0]?.id ?? "")}) {
    polledAt
    stations {
      name
      status { state bikes docks }
    }
  }
}
`;
}

const defaultQuery = await firstQuery();
window.ReactDOM.createRoot(root).render(window.React.createElement(window.GraphiQL, { fetcher, defaultQuery }));
