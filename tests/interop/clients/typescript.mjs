// The TypeScript client: lists everything and makes the calls of the plan in `PLAN`, then prints a report as JSON.
//
// Environment: ENDPOINT (one that ends in `/sse` is HTTP+SSE), KEY, MODE (`legacy`, `auto` or a revision), MODULES (the directory of node_modules), PLAN
// ({"calls": [[name, arguments]], "prompts": [[name, arguments]], "resources": [uri]}).
import { createRequire } from "node:module";

const { Client, SSEClientTransport, StreamableHTTPClientTransport } = createRequire(`${process.env.MODULES}/`)(
  "@modelcontextprotocol/client",
);
const { ENDPOINT, KEY, MODE } = process.env;
const plan = JSON.parse(process.env.PLAN);
const url = new URL(ENDPOINT);
const headers = { Authorization: `Bearer ${KEY}` };
const stream = { ...headers, Accept: "text/event-stream" };

const client = new Client(
  { name: "typescript", version: "1" },
  { versionNegotiation: { mode: MODE === "legacy" || MODE === "auto" ? MODE : { pin: MODE } } },
);
await client.connect(
  url.pathname.endsWith("/sse")
    ? new SSEClientTransport(url, {
        requestInit: { headers },
        eventSourceInit: { fetch: (at, init) => fetch(at, { ...init, headers: stream }) },
      })
    : new StreamableHTTPClientTransport(url, { requestInit: { headers } }),
);

const report = {
  version: client.getNegotiatedProtocolVersion(),
  tools: (await client.listTools()).tools.map((item) => item.name),
  prompts: (await client.listPrompts()).prompts.map((item) => item.name),
  resources: (await client.listResources()).resources.map((item) => item.uri),
  templates: (await client.listResourceTemplates()).resourceTemplates.map((item) => item.uriTemplate),
  calls: [],
  gets: [],
  reads: [],
};
for (const [name, args] of plan.calls) {
  const result = await client.callTool({ name, arguments: args });
  report.calls.push(result.content[0].text);
}
for (const [name, args] of plan.prompts) {
  report.gets.push((await client.getPrompt({ name, arguments: args })).messages[0].content.text);
}
for (const uri of plan.resources) {
  report.reads.push((await client.readResource({ uri })).contents[0].text);
}
await client.close();
console.log(JSON.stringify(report));
