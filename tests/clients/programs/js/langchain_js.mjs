// LangChain for JavaScript, with nothing set but what the cutover guide says.
import { HumanMessage, ToolMessage } from "@langchain/core/messages";
import { ChatOpenAI, OpenAIEmbeddings } from "@langchain/openai";
import { tool as functionTool } from "@langchain/core/tools";
import { z } from "zod";
import { API, ask, BASES, EMBEDDING, MODEL, PICTURE, raised, tell, TEXTS, timed } from "./observe.mjs";

const Order = z.object({ number: z.number().int(), status: z.string(), paid: z.boolean() });
const [weather, time] = ["get_weather", "get_time"].map((name) =>
  functionTool(async () => "18 degrees", { name, description: `${name} of a city`, schema: z.object({ city: z.string() }) }),
);

const model = (options) => new ChatOpenAI({ model: MODEL, useResponsesApi: API === "responses", ...options });
const answer = async (question, options) => (await model(options).invoke(question)).text;
const shown = (message) => message.tool_calls.map((call) => ({ name: call.name, arguments: call.args }));

async function streamed() {
  const found = [];
  for await (const chunk of await model().stream(ask("streamed"))) if (chunk.text) found.push(chunk.text);
  return { text: found.join(""), pieces: found.length };
}

// A call, its result handed back, and the answer made of it.
async function tool() {
  const chat = model().bindTools([weather]);
  const question = new HumanMessage(ask("tool", "Use get_weather."));
  const first = await chat.invoke([question]);
  const results = first.tool_calls.map((call) => new ToolMessage({ content: "18 degrees", tool_call_id: call.id }));
  return { calls: shown(first), text: (await chat.invoke([question, first, ...results])).text };
}

async function tools_parallel() {
  const chat = model().bindTools([weather, time]);
  return { calls: shown(await chat.invoke(ask("tools_parallel", "Use get_weather and get_time."))) };
}

async function tools_streamed() {
  let whole;
  const chat = model().bindTools([weather, time]);
  for await (const chunk of await chat.stream(ask("tools_streamed", "Use get_weather and get_time.")))
    whole = whole ? whole.concat(chunk) : chunk;
  return { calls: shown(whole) };
}

async function tool_strict() {
  const chat = model().bindTools([weather], { strict: true });
  return { calls: shown(await chat.invoke(ask("tool_strict", "Use get_weather."))) };
}

const structured = async () => ({ value: await model().withStructuredOutput(Order).invoke(ask("structured")) });

async function vision() {
  const content = [
    { type: "text", text: ask("vision") },
    { type: "image_url", image_url: { url: PICTURE } },
  ];
  return { text: (await model().invoke([new HumanMessage({ content })])).text };
}

async function refusal() {
  const message = await model().invoke(ask("refusal", "please refuse"));
  return { refusal: message.additional_kwargs.refusal };
}

async function embeddings() {
  const long = await new OpenAIEmbeddings({ model: EMBEDDING }).embedDocuments(TEXTS);
  const short = await new OpenAIEmbeddings({ model: EMBEDDING, dimensions: 256 }).embedQuery(TEXTS[0]);
  return { lengths: long.map((vector) => vector.length), short: short.length };
}

async function base_urls() {
  const texts = [];
  for (const [at, baseURL] of BASES.entries())
    texts.push(await answer(ask(`base_urls ${at}`), { configuration: { baseURL } }));
  return { texts };
}

await tell({
  plain: async () => ({ text: await answer(ask("plain")) }),
  streamed,
  tool,
  tools_parallel,
  tools_streamed,
  tool_strict,
  structured,
  vision,
  refusal,
  embeddings,
  base_urls,
  unauthorised: () => raised(() => answer(ask("unauthorised"), { apiKey: "sk-wrong" })),
  unknown_model: () => raised(() => answer(ask("unknown_model"), { model: "gpt-nonesuch" })),
  too_long: () => raised(() => answer(ask("too_long"))),
  too_many: () => raised(() => answer(ask("too_many"), { maxRetries: 0 })),
  waited: () => timed(() => answer(ask("waited"))),
});
