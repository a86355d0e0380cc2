// LlamaIndex for TypeScript, with nothing set but what the cutover guide says.
import { tool as functionTool } from "@llamaindex/core/tools";
import { OpenAIEmbedding, openai, openaiResponses } from "@llamaindex/openai";
import { z } from "zod";
import { API, ask, BASES, EMBEDDING, MODEL, PICTURE, raised, tell, TEXTS, timed } from "./observe.mjs";

const Order = z.object({ number: z.number().int(), status: z.string(), paid: z.boolean() });
const [weather, time] = ["get_weather", "get_time"].map((name) =>
  functionTool({
    name,
    description: `${name} of a city`,
    parameters: z.object({ city: z.string() }),
    execute: async () => "18 degrees",
  }),
);

const model = (options) => (API === "chat" ? openai : openaiResponses)({ model: MODEL, ...options });
const user = (content) => ({ messages: [{ role: "user", content }] });
const answer = async (question, options) => (await model(options).chat(user(question))).message.content;

function shown(calls) {
  return calls.map(({ name, input }) => ({ name, arguments: typeof input === "string" ? JSON.parse(input) : input }));
}

async function streamed() {
  const found = [];
  for await (const chunk of await model().chat({ ...user(ask("streamed")), stream: true }))
    if (chunk.delta) found.push(chunk.delta);
  return { text: found.join(""), pieces: found.length };
}

// LlamaIndex runs the tool itself and asks again with what it said.
async function tool() {
  const { newMessages, toolCalls } = await model().exec({ ...user(ask("tool", "Use get_weather.")), tools: [weather] });
  const asked = [...user(ask("tool", "Use get_weather.")).messages, ...newMessages];
  const last = await model().exec({ messages: asked, tools: [weather] });
  return { calls: shown(toolCalls), text: last.newMessages.at(-1).content };
}

async function tools_parallel() {
  const given = { ...user(ask("tools_parallel", "Use get_weather and get_time.")), tools: [weather, time] };
  return { calls: shown((await model().exec(given)).toolCalls) };
}

// Each call is handed out when it is whole.
async function tools_streamed() {
  const given = { ...user(ask("tools_streamed", "Use get_weather and get_time.")), tools: [weather, time] };
  const calls = new Map();
  for await (const chunk of await model().chat({ ...given, stream: true }))
    for (const call of chunk.options?.toolCall ?? []) calls.set(call.id, call);
  return { calls: shown([...calls.values()]) };
}

async function structured() {
  const { object } = await model().exec({ ...user(ask("structured")), responseFormat: Order });
  return { value: object };
}

async function vision() {
  const picture = { type: "image_url", image_url: { url: PICTURE } };
  return { text: (await model().chat(user([{ type: "text", text: ask("vision") }, picture]))).message.content };
}

async function refusal() {
  const { message, raw } = await model().chat(user(ask("refusal", "please refuse")));
  return { refusal: API === "chat" ? raw.choices[0].message.refusal : message.options.refusal };
}

async function embeddings() {
  const long = await new OpenAIEmbedding({ model: EMBEDDING }).getTextEmbeddingsBatch(TEXTS);
  const short = await new OpenAIEmbedding({ model: EMBEDDING, dimensions: 256 }).getTextEmbedding(TEXTS[0]);
  return { lengths: long.map((vector) => vector.length), short: short.length };
}

async function base_urls() {
  const texts = [];
  for (const [at, baseURL] of BASES.entries()) texts.push(await answer(ask(`base_urls ${at}`), { baseURL }));
  return { texts };
}

await tell({
  plain: async () => ({ text: await answer(ask("plain")) }),
  streamed,
  tool,
  tools_parallel,
  tools_streamed,
  structured,
  vision,
  refusal,
  embeddings,
  base_urls,
  unauthorised: () => raised(() => answer(ask("unauthorised"), { apiKey: "sk-wrong" })),
  unknown_model: () => raised(() => answer(ask("unknown_model"), { model: "gpt-4.1" })),
  too_long: () => raised(() => answer(ask("too_long"))),
  too_many: () => raised(() => answer(ask("too_many"), { maxRetries: 0 })),
  waited: () => timed(() => answer(ask("waited"))),
});
