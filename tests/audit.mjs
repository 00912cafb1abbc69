// Prints what the GraphQL over HTTP audit of graphql-http says of the server at the given URL, one JSON line each.
import { auditServer } from "../frontend/node_modules/graphql-http/lib/index.mjs";

for (const { id, name, status, reason } of await auditServer({ url: process.argv[2] })) {
  console.log(JSON.stringify({ id, name, status, reason }));
}
