// @openai/agents, whichever release is installed: agents that name no model, function tools made with zod, handoffs,
// and a tool that needs a person's approval. Nothing is set but what the cutover guide says.
import { Agent, OpenAIProvider, RunState, Runner, run, setOpenAIAPI, tool as functionTool } from "@openai/agents";
import OpenAI from "openai";
import { z } from "zod";
import { API, ask, BASES, PICTURE, raised, tell, timed } from "./observe.mjs";

if (API === "chat") setOpenAIAPI("chat_completions");

const City = z.object({ city: z.string() });
const Order = z.object({ number: z.number().int(), status: z.string(), paid: z.boolean() });

// The agents of a shop, and what their tools did.
function shop() {
  const done = [];
  const lookup_order = functionTool({
    name: "lookup_order",
    description: "Where an order is",
    parameters: z.object({ order: z.string() }),
    execute: async () => done.push("lookup_order") && "the order is on its way",
  });
  const issue_refund = functionTool({
    name: "issue_refund",
    description: "Pay an order back",
    parameters: z.object({ order: z.string(), amount: z.number() }),
    needsApproval: true,
    execute: async () => done.push("issue_refund") && "the money is paid back",
  });
  const orders = new Agent({ name: "orders", instructions: "You know where orders are.", tools: [lookup_order] });
  const returns = new Agent({ name: "returns", instructions: "You pay back.", tools: [lookup_order, issue_refund] });
  const triage = Agent.create({ name: "triage", instructions: "You hand over.", handoffs: [orders, returns] });
  return { triage, done };
}

// One turn of an agent, whole or streamed; how many events a stream had.
async function turn(agent, input, stream) {
  if (!stream) return { result: await run(agent, input), events: 0 };
  const result = await run(agent, input, { stream: true });
  let events = 0;
  for await (const event of result) events += event.type === "raw_model_stream_event";
  await result.completed;
  return { result, events };
}

async function triage(feature, stream) {
  const { triage, done } = shop();
  const question = ask(feature, "First transfer_to_orders, then lookup_order.");
  const { result, events } = await turn(triage, question, stream);
  return { text: result.finalOutput, agent: result.lastAgent.name, done, events };
}

// An approval that is asked for, put away as text, and given to agents that were made anew.
async function approval(feature, stream) {
  const question = ask(feature, "First transfer_to_returns, then lookup_order, then issue_refund.");
  const before = shop();
  const first = await turn(before.triage, question, stream);
  const kept = JSON.stringify(first.result.state);
  const after = shop();
  const state = await RunState.fromString(after.triage, kept);
  const asked = state.getInterruptions();
  for (const one of asked) state.approve(one);
  const { result, events } = await turn(after.triage, state, stream);
  return {
    asked: asked.map((one) => one.rawItem.name),
    before: before.done,
    after: after.done,
    text: result.finalOutput,
    agent: result.lastAgent.name,
    events: first.events + events,
  };
}

function assistant(options = {}) {
  return new Agent({ name: "assistant", instructions: "You help.", ...options });
}

async function answer(question, options) {
  return (await run(assistant(options), question)).finalOutput;
}

async function streamed() {
  const result = await run(assistant(), ask("streamed"), { stream: true });
  let [text, pieces] = ["", 0];
  for await (const piece of result.toTextStream()) [text, pieces] = [text + piece, pieces + 1];
  return { text, pieces };
}

// An agent with tools runs to its end; the calls that its tools saw.
async function calling(feature, words, stream) {
  const calls = [];
  const tools = ["get_weather", "get_time"].map((name) =>
    functionTool({
      name,
      description: `${name} of a city`,
      parameters: City,
      execute: async (values) => calls.push({ name, arguments: values }) && "18 degrees",
    }),
  );
  const agent = assistant({ tools });
  const { result } = await turn(agent, ask(feature, words), stream);
  return { calls, text: result.finalOutput };
}

async function vision() {
  const content = [
    { type: "input_text", text: ask("vision") },
    { type: "input_image", image: PICTURE },
  ];
  return { text: await answer([{ role: "user", content }]) };
}

// What the agents' own error for it says.
async function refusal() {
  const { kinds, message } = await raised(() => answer(ask("refusal", "please refuse")));
  return { raised: kinds?.[0], refusal: message?.replace(/^Model refused to produce output: /, "") };
}

// With a client of its own, as an application gives one.
async function through(client, question, options) {
  const runner = new Runner({ modelProvider: new OpenAIProvider({ openAIClient: client, useResponses: API !== "chat" }) });
  return (await runner.run(assistant(options), question)).finalOutput;
}

async function base_urls() {
  const texts = [];
  for (const [at, baseURL] of BASES.entries()) texts.push(await through(new OpenAI({ baseURL }), ask(`base_urls ${at}`)));
  return { texts };
}

const failing = (feature, options = {}, agent = {}) => raised(() => through(new OpenAI(options), ask(feature), agent));

await tell({
  plain: async () => ({ text: await answer(ask("plain")) }),
  streamed,
  tool: () => calling("tool", "Use get_weather.", false),
  tools_parallel: () => calling("tools_parallel", "Use get_weather and get_time.", false),
  tools_streamed: () => calling("tools_streamed", "Use get_weather and get_time.", true),
  structured: async () => ({ value: await answer(ask("structured"), { outputType: Order }) }),
  vision,
  refusal,
  triage: () => triage("triage", false),
  triage_streamed: () => triage("triage_streamed", true),
  approval: () => approval("approval", false),
  approval_streamed: () => approval("approval_streamed", true),
  base_urls,
  unauthorised: () => failing("unauthorised", { apiKey: "sk-wrong" }),
  unknown_model: () => failing("unknown_model", {}, { model: "gpt-nonesuch" }),
  too_long: () => failing("too_long"),
  too_many: () => failing("too_many", { maxRetries: 0 }),
  waited: () => timed(() => answer(ask("waited"))),
});
