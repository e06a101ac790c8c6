// The TypeScript client over HTTP+SSE: the same report as `typescript.mjs`, with what came of progress.
//
// Environment: as there, without MODE; ENDPOINT is that of `/sse`.
import { createRequire } from "node:module";

const { Client, SSEClientTransport } = createRequire(`${process.env.MODULES}/`)("@modelcontextprotocol/client");
const { ENDPOINT, KEY } = process.env;
const plan = JSON.parse(process.env.PLAN);
const headers = { Authorization: `Bearer ${KEY}` };

const client = new Client({ name: "typescript", version: "1" }, { versionNegotiation: { mode: "legacy" } });
await client.connect(
  new SSEClientTransport(new URL(ENDPOINT), {
    requestInit: { headers },
    eventSourceInit: { fetch: (url, init) => fetch(url, { ...init, headers: { ...headers, Accept: "text/event-stream" } }) },
  }),
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
  report.calls.push((await client.callTool({ name, arguments: args })).content[0].text);
}
for (const [name, args] of plan.prompts) {
  report.gets.push((await client.getPrompt({ name, arguments: args })).messages[0].content.text);
}
for (const uri of plan.resources) {
  report.reads.push((await client.readResource({ uri })).contents[0].text);
}
await client.close();
console.log(JSON.stringify(report));
