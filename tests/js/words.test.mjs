import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import test from "node:test";

import { DICTIONARIES, choose, createWords } from "../../frontend/static/words.js";

const FOLDER = new URL("../../frontend/static/", import.meta.url);
const placeholders = (text) => [...new Set(text.match(/\{\w+\}/g) ?? [])].sort();

test("both languages say the same things with the same values", () => {
  const shape = (words) => Object.fromEntries(Object.entries(words).map(([key, text]) => [key, placeholders(text)]));
  assert.deepEqual(shape(DICTIONARIES.fr), shape(DICTIONARIES.en));
});

test("every word that a module asks for by name is there", () => {
  const modules = readdirSync(FOLDER).filter((name) => name.endsWith(".js"));
  const asked = modules.flatMap((name) =>
    [...readFileSync(new URL(name, FOLDER), "utf8").matchAll(/\bsay\("(\w+)"/g)].map(([, key]) => key),
  );
  assert.ok(asked.length > 30);
  assert.deepEqual(
    asked.filter((key) => !(key in DICTIONARIES.en)),
    [],
  );
});

test("one is not many, and none is many in English but not in French", () => {
  const [en, fr] = [createWords("en"), createWords("fr")];
  assert.deepEqual(
    [0, 1, 2].map((n) => en("bikesCount", { n })),
    ["0 bikes", "1 bike", "2 bikes"],
  );
  assert.deepEqual(
    [0, 1, 2].map((n) => fr("bikesCount", { n })),
    ["0 vélo", "1 vélo", "2 vélos"],
  );
});

test("the first language that we speak is spoken, else English", () => {
  assert.equal(choose(["br", "fr-FR", "en"]), "fr");
  assert.equal(choose(["br", "de"]), "en");
});
