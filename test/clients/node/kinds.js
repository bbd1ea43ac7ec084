// How each kind of case is run.
'use strict';

const { setTimeout: sleep } = require('node:timers/promises');
const { status, CALL_MS } = require('./api');
const { filled, difference, checkAnswer, expect } = require('./compare');

async function call(api, one) {
  const { end } = api.start(one.method, filled(one.request, 0), { metadata: one.metadata, unknown: one.unknown });
  const answer = await expect(one, end);
  if (answer) checkAnswer(one.answer, answer);
}

async function infer(api, one, number) {
  const start = performance.now();
  checkAnswer(one.answer, await api.start('ModelInfer', filled(one.request, number)).end, number);
  return performance.now() - start;
}

// Takes from `waiting` the expected answer that this one is.
function takeFrom(waiting, answer) {
  const i = waiting.findIndex((wanted) => !difference(wanted, answer, ''));
  if (i < 0) throw new Error(`an answer that none was expected like: ${JSON.stringify(answer).slice(0, 300)}`);
  waiting.splice(i, 1);
}

async function stream(api, one) {
  const rounds = [...Array(one.repeat || 1).keys()];
  const waiting = rounds.flatMap((i) => one.answers.map((wanted) => filled(wanted, i)));
  const conversation = api.stream();
  for (const i of rounds) {
    for (const request of one.requests) {
      conversation.call.write(filled(request, i));
      if (one.one_by_one) takeFrom(waiting, await conversation.expectNext());
    }
  }
  conversation.call.end();
  for (let answer = await conversation.next(); answer; answer = await conversation.next()) takeFrom(waiting, answer);
  const { code, details } = conversation.status;
  if (code !== status.OK) throw new Error(`the stream ended with ${status[code]}: ${details}`);
  if (waiting.length > 0) throw new Error(`${waiting.length} requests were not answered`);
}

// Starts what is to be given up: promises of the codes it ends with.
function startAll(api, one) {
  const deadlineMs = one.deadline_ms ?? CALL_MS;
  const numbers = [...Array(one.calls).keys()];
  if (!one.stream) {
    return numbers.map((i) => {
      const { call: each, end } = api.start('ModelInfer', filled(one.request, i), { deadlineMs });
      return { cancel: () => each.cancel(), code: end.then(() => status.OK, (error) => error.code) };
    });
  }
  const conversation = api.stream(deadlineMs);
  for (const i of numbers) conversation.call.write(filled(one.request, i));
  return [{ cancel: () => conversation.call.cancel(), code: conversation.ended.then(({ code }) => code) }];
}

async function give_up(api, one) {
  const single = await infer(api, one, 1);
  const start = performance.now();
  const calls = startAll(api, one);
  const ends = Promise.all(calls.map(({ code }) => code.then((value) => ({ code: value, took: performance.now() - start }))));
  if (one.cancel_after_ms !== undefined) {
    await sleep(one.cancel_after_ms);
    for (const each of calls) each.cancel();
  }
  const wait = one.deadline_ms ?? one.cancel_after_ms;
  for (const { code, took } of await ends) {
    if (status[code] !== one.code) throw new Error(`${status[code]} instead of ${one.code}`);
    if (took < wait - 5 || took > wait + one.within_ms) throw new Error(`ended after ${took.toFixed(0)} ms`);
  }
  const after = await infer(api, one, 2);
  if (after > one.then_within_calls * single) {
    throw new Error(`the next call took ${(after / single).toFixed(1)} times one call's ${single.toFixed(0)} ms; `
      + `at most ${one.then_within_calls}`);
  }
}

async function echo(api, one) {
  const content = Buffer.alloc(one.bytes);
  for (let i = 0; i < content.length; i += 1) content[i] = i % 251;
  const request = { model_name: 'identity', inputs: [{ name: 'x', datatype: 'UINT8', shape: [content.length] }],
    raw_input_contents: [content] };
  const calls = [...Array(one.calls)].map(() => api.start('ModelInfer', request, { stub: api.rawStub }).end);
  for (const each of calls) {
    const answer = await expect(one, each);
    if (answer && !(answer.raw_output_contents.length === 1 && content.equals(answer.raw_output_contents[0]))) {
      throw new Error('the content came back changed');
    }
  }
}

async function many(api, one) {
  let next = 0;
  const failures = [];
  const keepAsking = async () => {
    while (next < one.calls) {
      const number = next;
      next += 1;
      await infer(api, one, number).catch((error) => failures.push(`call ${number}: ${error.message}`));
    }
  };
  await Promise.all([...Array(one.in_flight)].map(keepAsking));
  if (failures.length > 0) throw new Error(`${failures.length} failed; ${failures[0]}`);
}

async function keep_alive(api, one) {
  const quiet = one.quiet_ms ?? (one.pings + 0.5) * one.time_ms;
  let ask = () => infer(api, one, 0);
  if (one.stream) {
    const conversation = api.stream(CALL_MS + quiet);
    ask = async () => {
      conversation.call.write(filled(one.request, 0));
      checkAnswer(one.answer, await conversation.expectNext());
    };
  }
  await ask();
  for (const end = performance.now() + quiet; performance.now() < end; await sleep(20)) {
    if (api.leftReady) throw new Error('the server has closed the connection');
  }
  await ask();
  if (api.leftReady) throw new Error('the server has closed the connection');
}

// Calls after the signal: answered, or refused so that a client may try elsewhere.
async function late(api) {
  for (let i = 0; i < 100; i += 1) {
    try {
      await api.live();
    } catch (error) {
      if (error.code === status.UNAVAILABLE) return;
      throw new Error(`a late call got ${error.message}`);
    }
    await sleep(20);
  }
  throw new Error('2 s after the signal calls are still accepted');
}

async function drain(api, one, pid) {
  const start = performance.now();
  const conversation = api.stream();
  const wanted = { infer_response: one.answer };
  conversation.call.write(filled(one.request, 100));
  checkAnswer(wanted, await conversation.expectNext(), 100);
  const calls = [...Array(one.calls).keys()].map((i) => infer(api, one, i).then(() => null, (error) => error));
  conversation.call.write(filled(one.request, 101));
  await Promise.race(calls);
  process.kill(pid, 'SIGTERM');
  await late(api);
  const lost = (await Promise.all(calls)).filter(Boolean);
  if (lost.length > 0) throw new Error(`${lost.length} accepted calls were lost: ${lost[0].message}`);
  checkAnswer(wanted, await conversation.expectNext(), 101);
  if (await conversation.next()) throw new Error("the stream's last request got two answers");
  const { code, details } = conversation.status;
  if (code !== status.OK && code !== status.UNAVAILABLE) throw new Error(`the stream ended with ${status[code]}: ${details}`);
  if (performance.now() - start > one.within_ms) throw new Error('it took too long');
}

module.exports = { call, stream, give_up, echo, many, keep_alive, drain };
