// What a case wants, and what came.
'use strict';

const { status } = require('./api');

// The template with "$i" as the number and "$raw" as the base64 of its four bytes.
function filled(template, number) {
  const four = Buffer.alloc(4);
  four.writeUInt32LE(number);
  return JSON.parse(JSON.stringify(template ?? {}).replaceAll('$raw', four.toString('base64')).replaceAll('$i', String(number)));
}

function isEmpty(found) {
  return found === undefined || found === null || found === '' || found === '0' || found === 0 || found === false
    || (Array.isArray(found) && found.length === 0);
}

// Where `found` lacks what is wanted, in words; empty: nowhere. An absent value is the default one.
function difference(wanted, found, place) {
  if (wanted === '*') return isEmpty(found) ? `${place} is empty` : '';
  if (Array.isArray(wanted)) {
    const elements = found || [];
    if (wanted.length !== elements.length) return `${place} has ${elements.length} elements instead of ${wanted.length}`;
    return wanted.map((value, i) => difference(value, elements[i], `${place}[${i}]`)).find(Boolean) || '';
  }
  if (typeof wanted === 'object') {
    const members = found || {};
    return Object.entries(wanted).map(([key, value]) => difference(value, members[key], `${place}.${key}`)).find(Boolean) || '';
  }
  if (wanted === found || (isEmpty(wanted) && isEmpty(found))) return '';
  return `${place} is ${found} instead of ${wanted}`;
}

function checkAnswer(wanted, answer, number = 0) {
  const found = difference(filled(wanted, number), answer, 'answer');
  if (found) throw new Error(found);
}

// Waits for a call and compares how it ended with what its case wants; null: with the error that it wants.
async function expect(one, end) {
  let answer;
  try {
    answer = await end;
  } catch (error) {
    if (!one.error) throw error;
    const code = status[error.code];
    if (code !== one.error.code) throw new Error(`${code} (${error.details}) instead of ${one.error.code}`);
    if (!error.details) throw new Error(`${code} came without a message`);
    if (!error.details.includes(one.error.message)) throw new Error(`the message lacks '${one.error.message}': ${error.details}`);
    return null;
  }
  if (one.error) throw new Error(`an answer instead of ${one.error.code}`);
  return answer;
}

module.exports = { filled, difference, checkAnswer, expect };
