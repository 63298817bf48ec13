// Signs requests as Twilio's Node SDK does, so that the tests check our verification against Twilio's own code.
//
// Reads one JSON object a line on standard input and answers each with one line:
//
//     {"url": "...", "token": "...", "params": [["name", "value"], ...]}
//     {"signature": "...", "body": "..."}
//
// `body` is the form as Node encodes it. A body that is no form is signed by its hash, which the SDK gives too:
//
//     {"url": "...", "token": "...", "body": "..."}
//     {"signature": "...", "hash": "..."}
//
// A line that cannot be signed ends the program with an error.
//
// The SDK signs repeated values of one name sorted and without duplicates; that is its rule and stays as it is.

"use strict";

const { createRequire } = require("node:module");
const path = require("node:path");

// The SDK is installed outside the source tree, where Node would not look for it.
const installed = createRequire(path.join(__dirname, "../../.tools/node/"));
const { getExpectedTwilioSignature, getExpectedBodyHash } = installed("twilio/lib/webhooks/webhooks");

// The shape in which Express hands a form to the SDK: a string per name, an array where the name is repeated.
function asExpressBody(params) {
  // Without a prototype, so that a parameter may be called `__proto__`.
  const body = Object.create(null);
  for (const [name, value] of params) {
    if (!(name in body)) body[name] = value;
    else if (Array.isArray(body[name])) body[name].push(value);
    else body[name] = [body[name], value];
  }
  return body;
}

function answer({ url, token, params, body }) {
  if (body !== undefined) {
    const hash = getExpectedBodyHash(body);
    const signed = `${url}${url.includes("?") ? "&" : "?"}bodySHA256=${hash}`;
    return { signature: getExpectedTwilioSignature(token, signed, {}), hash };
  }
  return {
    signature: getExpectedTwilioSignature(token, url, asExpressBody(params)),
    body: new URLSearchParams(params).toString(),
  };
}

// Split by hand: the readline module would also break a line at U+2028, which JSON may hold as it is.
let pending = "";
process.stdin.setEncoding("utf8").on("data", (text) => {
  const lines = (pending + text).split("\n");
  pending = lines.pop();
  for (const line of lines) process.stdout.write(JSON.stringify(answer(JSON.parse(line))) + "\n");
});
