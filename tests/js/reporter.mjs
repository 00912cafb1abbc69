/** What Node.js reports of the tests: those that failed, and one line of counts. */

const COUNTS = /^(tests|pass|fail|skipped|duration_ms) /;

const failure = ({ name, file, line, details }) => {
  const cause = details.error.cause ?? details.error;
  return `\n${name} (${file}:${line})\n${cause.stack ?? cause}\n`;
};

export default async function* report(events) {
  const counts = [];
  for await (const { type, data } of events) {
    if (type === "test:fail" && data.details.error.failureType !== "subtestsFailed") yield failure(data);
    if (type === "test:diagnostic" && data.nesting === 0 && COUNTS.test(data.message)) counts.push(data.message);
  }
  yield `${counts.join(", ")}\n`;
}
