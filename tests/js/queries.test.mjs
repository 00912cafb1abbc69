import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import test from "node:test";

import * as queries from "../../frontend/static/queries.js";

const require = createRequire(new URL("../../frontend/package.json", import.meta.url));
const { buildSchema, parse, validate } = require("graphql");
const schema = buildSchema(readFileSync(new URL("../../backend/schema.graphql", import.meta.url), "utf8"));

for (const [name, document] of Object.entries(queries)) {
  test(`${name} is valid in the schema`, () => {
    assert.deepEqual(
      validate(schema, parse(document)).map(({ message }) => message),
      [],
    );
  });
}
