// Parses queries by the grammars of Grafana's own query editors: @grafana/lezer-logql and @prometheus-io/lezer-promql.
//
// Reads one JSON array on standard input and answers with one of the same length:
//
//     [{"language": "PromQL", "query": "up{job=\"a\"}"}, {"language": "LogQL", "query": "{"}]
//     [{"error": null, "metrics": ["up"], "labels": ["job"]}, {"error": "at 1: ", "metrics": [], "labels": []}]
//
// `error` tells where the grammar does not fit, with what stands there. `metrics` and `labels` are every name that a PromQL query
// selects, groups or matches by.

"use strict";

const { createRequire } = require("node:module");
const { readFileSync } = require("node:fs");
const path = require("node:path");

// The grammars are installed outside the source tree, where Node would not look for them.
const installed = createRequire(path.join(__dirname, "../../../.tools/grammars/"));
const parsers = {
  LogQL: installed("@grafana/lezer-logql").parser,
  PromQL: installed("@prometheus-io/lezer-promql").parser,
};

function parse({ language, query }) {
  const answer = { error: null, metrics: [], labels: [] };
  parsers[language].parse(query).iterate({
    enter(node) {
      const text = query.slice(node.from, node.to);
      if (node.type.isError) {
        answer.error ??= `at ${node.from}: ${query.slice(node.from, node.from + 20)}`;
      } else if (language === "PromQL" && node.name === "VectorSelector" && node.node.firstChild?.name === "Identifier") {
        answer.metrics.push(query.slice(node.node.firstChild.from, node.node.firstChild.to));
      } else if (language === "PromQL" && node.name === "LabelName") {
        answer.labels.push(text);
      }
    },
  });
  return answer;
}

const queries = JSON.parse(readFileSync(0, "utf8"));
console.log(JSON.stringify(queries.map(parse)));
