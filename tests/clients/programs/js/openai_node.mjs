// The OpenAI SDK for Node, with nothing set but what the cutover guide says.
import { zodFunction, zodResponseFormat, zodResponsesFunction, zodTextFormat } from "openai/helpers/zod";
import OpenAI from "openai";
import { z } from "zod";
import { API, ask, BASES, EMBEDDING, MODEL, PICTURE, raised, tell, TEXTS, timed } from "./observe.mjs";

const client = new OpenAI();
const chat = API === "chat";
const Order = z.object({ number: z.number().int(), status: z.string(), paid: z.boolean() });
const Weather = z.object({ city: z.string() });
const parameters = {
  type: "object",
  properties: { city: { type: "string" } },
  required: ["city"],
  additionalProperties: false,
};

// Function tools in the API's own shape.
function functions(...names) {
  const made = names.map((name) => ({ name, description: `${name} of a city`, parameters, strict: false }));
  return made.map((one) => (chat ? { type: "function", function: one } : { type: "function", ...one }));
}

// One answer, whole or streamed.
function create(question, options = {}, on = client) {
  return chat
    ? on.chat.completions.create({ model: MODEL, messages: [{ role: "user", content: question }], ...options })
    : on.responses.create({ model: MODEL, input: question, ...options });
}

const text = (answer) => (chat ? answer.choices[0].message.content : answer.output_text);

// The tool calls of an answer.
function calls(answer) {
  return chat
    ? (answer.choices[0].message.tool_calls ?? []).map((call) => ({ id: call.id, ...call.function }))
    : answer.output
        .filter((item) => item.type === "function_call")
        .map((item) => ({ id: item.call_id, name: item.name, arguments: item.arguments }));
}

const shown = (found) => found.map((call) => ({ name: call.name, arguments: JSON.parse(call.arguments) }));

// Every piece of a stream, of one kind.
async function pieces(question, kind) {
  const found = [];
  for await (const event of await create(question, { stream: true })) {
    const piece = chat
      ? event.choices[0]?.delta[kind === "output_text" ? "content" : kind]
      : event.type === `response.${kind}.delta` && event.delta;
    if (piece) found.push(piece);
  }
  return found;
}

async function streamed() {
  const found = await pieces(ask("streamed"), "output_text");
  return { text: found.join(""), pieces: found.length };
}

// The figures at the end of a stream.
async function streamed_usage() {
  let last;
  const options = chat ? { stream_options: { include_usage: true } } : {};
  for await (const event of await create(ask("streamed_usage"), { stream: true, ...options })) last = event;
  return { tokens: (chat ? last : last.response).usage.total_tokens };
}

// A call, its result handed back, and the answer made of it.
async function tool() {
  const question = ask("tool", "Use get_weather.");
  const tools = functions("get_weather");
  const first = await create(question, { tools });
  const found = calls(first);
  let last;
  if (chat) {
    const results = found.map((call) => ({ role: "tool", tool_call_id: call.id, content: "18 degrees" }));
    const messages = [{ role: "user", content: question }, first.choices[0].message, ...results];
    last = await client.chat.completions.create({ model: MODEL, messages, tools });
  } else {
    const input = found.map((call) => ({ type: "function_call_output", call_id: call.id, output: "18 degrees" }));
    last = await client.responses.create({ model: MODEL, input, previous_response_id: first.id, tools });
  }
  return { calls: shown(found), text: text(last) };
}

async function tools_parallel() {
  const question = ask("tools_parallel", "Use get_weather and get_time.");
  return { calls: shown(calls(await create(question, { tools: functions("get_weather", "get_time") }))) };
}

// Two calls, put together from the pieces by the SDK's own helper.
async function tools_streamed() {
  const question = ask("tools_streamed", "Use get_weather and get_time.");
  const tools = functions("get_weather", "get_time");
  const answer = chat
    ? await client.chat.completions
        .stream({ model: MODEL, messages: [{ role: "user", content: question }], tools })
        .finalChatCompletion()
    : await client.responses.stream({ model: MODEL, input: question, tools }).finalResponse();
  return { calls: shown(calls(answer)) };
}

// A zod shape as a strict tool; the SDK hands back parsed arguments.
async function tool_strict() {
  const question = ask("tool_strict", "Use weather_in.");
  const described = { name: "weather_in", description: "the weather in a city", parameters: Weather };
  if (chat) {
    const answer = await client.chat.completions.parse({
      model: MODEL,
      messages: [{ role: "user", content: question }],
      tools: [zodFunction(described)],
    });
    const found = answer.choices[0].message.tool_calls;
    return { calls: found.map((call) => ({ name: call.function.name, arguments: call.function.parsed_arguments })) };
  }
  const parsed = await client.responses.parse({ model: MODEL, input: question, tools: [zodResponsesFunction(described)] });
  const found = parsed.output.filter((item) => item.type === "function_call");
  // Release 5 hands the whole call back where its arguments should be, with the arguments inside.
  const made = (item) => item.parsed_arguments.parsed_arguments ?? item.parsed_arguments;
  return { calls: found.map((item) => ({ name: item.name, arguments: made(item) })) };
}

async function structured() {
  const question = ask("structured");
  if (chat) {
    const answer = await client.chat.completions.parse({
      model: MODEL,
      messages: [{ role: "user", content: question }],
      response_format: zodResponseFormat(Order, "order"),
    });
    return { value: answer.choices[0].message.parsed };
  }
  const format = { format: zodTextFormat(Order, "order") };
  return { value: (await client.responses.parse({ model: MODEL, input: question, text: format })).output_parsed };
}

async function vision() {
  const words = ask("vision");
  if (chat) {
    const content = [
      { type: "text", text: words },
      { type: "image_url", image_url: { url: PICTURE } },
    ];
    return { text: text(await client.chat.completions.create({ model: MODEL, messages: [{ role: "user", content }] })) };
  }
  const content = [
    { type: "input_text", text: words },
    { type: "input_image", image_url: PICTURE, detail: "auto" },
  ];
  return { text: (await client.responses.create({ model: MODEL, input: [{ role: "user", content }] })).output_text };
}

async function refusal() {
  const answer = await create(ask("refusal", "please refuse"));
  return { refusal: chat ? answer.choices[0].message.refusal : answer.output[0].content[0].refusal };
}

async function refusal_streamed() {
  const found = await pieces(ask("refusal_streamed", "please refuse"), "refusal");
  return { refusal: found.join(""), pieces: found.length };
}

// Base64 (the SDK's default) and floats are the same vectors; a shorter one is as short as asked.
async function embeddings() {
  const packed = await client.embeddings.create({ model: EMBEDDING, input: TEXTS });
  const floats = await client.embeddings.create({ model: EMBEDDING, input: TEXTS, encoding_format: "float" });
  const short = await client.embeddings.create({ model: EMBEDDING, input: TEXTS[0], dimensions: 256 });
  const apart = packed.data.map(({ embedding }, at) =>
    Math.max(...embedding.map((value, place) => Math.abs(value - floats.data[at].embedding[place]))),
  );
  return {
    lengths: packed.data.map((item) => item.embedding.length),
    apart: Math.max(...apart),
    short: short.data[0].embedding.length,
    tokens: packed.usage.total_tokens,
  };
}

async function models() {
  const listed = [];
  for await (const model of client.models.list()) listed.push(model.id);
  return { listed, one: (await client.models.retrieve(MODEL)).id };
}

// What the SDK shows for support, and what the header said.
async function request_id() {
  const { data, response } = await create(ask("request_id")).withResponse();
  return { request_id: data._request_id, header: response.headers.get("x-request-id") };
}

async function base_urls() {
  const texts = [];
  for (const [at, baseURL] of BASES.entries())
    texts.push(text(await create(ask(`base_urls ${at}`), {}, new OpenAI({ baseURL }))));
  return { texts };
}

// One request more than the team's limit in a minute: how long each took.
async function limited() {
  const seconds = [];
  for (let at = 0; at < 3; at++)
    seconds.push((await timed(async () => text(await create(ask(`limited ${at}`))))).seconds);
  return { seconds };
}

await tell({
  plain: async () => ({ text: text(await create(ask("plain"))) }),
  streamed,
  streamed_usage,
  tool,
  tools_parallel,
  tools_streamed,
  tool_strict,
  structured,
  vision,
  refusal,
  refusal_streamed,
  embeddings,
  models,
  request_id,
  base_urls,
  unauthorised: () => raised(() => create(ask("unauthorised"), {}, new OpenAI({ apiKey: "sk-wrong" }))),
  unknown_model: () => raised(() => create(ask("unknown_model"), { model: "gpt-nonesuch" })),
  too_long: () => raised(() => create(ask("too_long"))),
  too_many: () => raised(() => create(ask("too_many"), {}, new OpenAI({ maxRetries: 0 }))),
  waited: () => timed(async () => text(await create(ask("waited")))),
  limited,
});
