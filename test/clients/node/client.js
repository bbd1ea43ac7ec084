// The cases, run by @grpc/grpc-js: node client.js ADDRESS CASES [PID OF THE SERVER].
// ../README.md says what each kind of case requires.
'use strict';

const fs = require('node:fs');
const { openApi } = require('./api');
const kinds = require('./kinds');

// `api` is the channel that most cases share; the others make one of their own.
async function runCase(api, address, one, pid) {
  const run = kinds[one.do];
  if (!run) throw new Error(`no such kind of case: ${one.do}`);
  if (one.compression || one.do === 'keep_alive' || one.do === 'drain') {
    const own = openApi(address, one);
    try {
      await run(own, one, pid);
    } finally {
      own.close();
    }
    return;
  }
  await run(api, one);
  await api.live();
  if (api.leftReady) throw new Error('the connection was closed');
}

async function main() {
  const [address, file, pid] = process.argv.slice(2);
  const cases = JSON.parse(fs.readFileSync(file, 'utf8'));
  // those that wait most of the time wait beside the others
  const started = new Map(cases.filter((one) => one.do === 'keep_alive').map((one) =>
    [one.name, runCase(null, address, one).then(() => null, (error) => error)]));
  const api = openApi(address, {});
  let passed = 0, failed = 0;
  for (const one of cases) {
    if (one.do === 'drain' && !pid) {
      console.log(`skip  ${one.name}: no process was named`);
      continue;
    }
    const error = started.has(one.name) ? await started.get(one.name)
      : await runCase(api, address, one, Number(pid)).then(() => null, (thrown) => thrown);
    if (error) failed += 1; else passed += 1;
    console.log(error ? `fail  ${one.name}: ${error.message}` : `pass  ${one.name}`);
  }
  api.close();
  console.log(`${passed} passed, ${failed} failed`);
  process.exit(failed > 0 ? 1 : 0);
}

main();
