// The Vercel AI SDK, with nothing set but what the cutover guide says.
import { createOpenAI, openai } from "@ai-sdk/openai";
import { embed, embedMany, generateText, Output, stepCountIs, streamText, tool as functionTool } from "ai";
import { z } from "zod";
import { API, ask, BASES, EMBEDDING, MODEL, PICTURE, raised, tell, TEXTS, timed } from "./observe.mjs";

const Order = z.object({ number: z.number().int(), status: z.string(), paid: z.boolean() });
const made = (name, provider = openai) => (API === "chat" ? provider.chat(name) : provider(name));
const model = made(MODEL);
const answer = async (prompt, options) => (await generateText({ model, prompt, ...options })).text;

async function streamed() {
  const found = [];
  const problems = [];
  const result = streamText({ model, prompt: ask("streamed"), onError: ({ error }) => problems.push(String(error)) });
  for await (const piece of result.textStream) found.push(piece);
  const { totalTokens } = await result.usage;
  return { text: found.join(""), pieces: found.length, tokens: totalTokens, problems };
}

// Functions a model may call, noting that they were.
function tools(calls, options = {}) {
  const one = (name) =>
    functionTool({
      description: `${name} of a city`,
      inputSchema: z.object({ city: z.string() }),
      execute: async (values) => calls.push({ name, arguments: values }) && "18 degrees",
      ...options,
    });
  return { get_weather: one("get_weather"), get_time: one("get_time") };
}

// The SDK runs the tools and goes on until the model answers in words.
async function calling(feature, words, options) {
  const calls = [];
  const text = await answer(ask(feature, words), { tools: tools(calls, options), stopWhen: stepCountIs(4) });
  return { calls, text };
}

async function tools_streamed() {
  const calls = [];
  const problems = [];
  const result = streamText({
    model,
    prompt: ask("tools_streamed", "Use get_weather and get_time."),
    tools: tools(calls),
    stopWhen: stepCountIs(4),
    onError: ({ error }) => problems.push(String(error)),
  });
  return { text: await result.text, calls, problems };
}

async function structured() {
  const { output } = await generateText({ model, prompt: ask("structured"), output: Output.object({ schema: Order }) });
  return { value: output };
}

async function structured_streamed() {
  const result = streamText({ model, prompt: ask("structured_streamed"), output: Output.object({ schema: Order }) });
  let pieces = 0;
  for await (const part of result.partialOutputStream) pieces += part !== undefined;
  return { value: await result.output, pieces };
}

async function vision() {
  const content = [
    { type: "text", text: ask("vision") },
    { type: "image", image: PICTURE },
  ];
  return { text: (await generateText({ model, messages: [{ role: "user", content }] })).text };
}

async function refusal() {
  const { text, finishReason } = await generateText({ model, prompt: ask("refusal", "please refuse") });
  return { refusal: text, finish: finishReason };
}

async function embeddings() {
  const long = await embedMany({ model: openai.embedding(EMBEDDING), values: TEXTS });
  const short = { openai: { dimensions: 256 } };
  const one = await embed({ model: openai.embedding(EMBEDDING), value: TEXTS[0], providerOptions: short });
  return { lengths: long.embeddings.map((vector) => vector.length), short: one.embedding.length, tokens: long.usage.tokens };
}

async function base_urls() {
  const texts = [];
  for (const [at, baseURL] of BASES.entries())
    texts.push(await answer(ask(`base_urls ${at}`), { model: made(MODEL, createOpenAI({ baseURL })) }));
  return { texts };
}

const stranger = made(MODEL, createOpenAI({ apiKey: "sk-wrong" }));

await tell({
  plain: async () => ({ text: await answer(ask("plain")) }),
  streamed,
  tool: () => calling("tool", "Use get_weather."),
  tools_parallel: () => calling("tools_parallel", "Use get_weather and get_time."),
  tools_streamed,
  tool_strict: () => calling("tool_strict", "Use get_weather.", { strict: true }),
  structured,
  structured_streamed,
  vision,
  refusal,
  embeddings,
  base_urls,
  unauthorised: () => raised(() => answer(ask("unauthorised"), { model: stranger })),
  unknown_model: () => raised(() => answer(ask("unknown_model"), { model: made("gpt-nonesuch") })),
  too_long: () => raised(() => answer(ask("too_long"))),
  too_many: () => raised(() => answer(ask("too_many"), { maxRetries: 0 })),
  waited: () => timed(() => answer(ask("waited"))),
});
