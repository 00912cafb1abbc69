/** GraphiQL over our API: queries by fetch, subscriptions by graphql-transport-ws. */

const root = document.getElementById("graphiql");
const url = new URL(root.dataset.graphql, location.href);
const socket = new URL(url);
socket.protocol = url.protocol.replace("http", "ws");

const fetcher = window.GraphiQL.createFetcher({
  url: url.href,
  wsClient: window.graphqlWs.createClient({ url: socket.href, shouldRetry: () => true }),
});

const first = `# The bikes of every station, live. Press the play button.
subscription {
  stationUpdates(systemId: "velozef") {
    polledAt
    stations { name status { state bikes docks } }
  }
}
`;

window.ReactDOM.createRoot(root).render(
  window.React.createElement(window.GraphiQL, { fetcher, defaultQuery: first }),
);
