// What every JavaScript client program needs: its settings, its questions, and how it tells what it saw.
export const CLIENT = process.env.CLIENT;
export const API = process.env.CLIENT_API;
export const MODEL = process.env.CLIENT_MODEL;
export const EMBEDDING = process.env.CLIENT_EMBEDDING;
export const BASES = JSON.parse(process.env.CLIENT_BASES);
export const PICTURE = process.env.CLIENT_PICTURE;
export const TEXTS = ["where is my parcel", "which clutch fits a 1932 Ford"];

// A question that no other client, mode or feature asks: no cache answers it, and an arrangement can name it.
export function ask(feature, words = "How are you?") {
  return `[${CLIENT}/${API}/${feature}] ${words}`;
}

// What `call` raised, as the client's user sees it.
export async function raised(call) {
  try {
    const value = await call();
    return { raised: null, value: JSON.stringify(value)?.slice(0, 400) };
  } catch (error) {
    const kinds = [];
    for (let kind = error.constructor; kind?.name; kind = Object.getPrototypeOf(kind)) kinds.push(kind.name);
    // Some clients wrap what the SDK raised.
    const first = error.status || error.statusCode ? error : (error.cause ?? error);
    const headers = first.headers ?? first.responseHeaders;
    return {
      raised: error.constructor.name,
      kinds,
      status: first.status ?? first.statusCode ?? null,
      code: first.code ?? first.data?.error?.code ?? null,
      message: error.message,
      retry_after: headers?.get?.("retry-after") ?? headers?.["retry-after"] ?? null,
      request_id: first.requestID ?? null,
    };
  }
}

// What `call` returns, and the seconds it took.
export async function timed(call) {
  const start = performance.now();
  return { text: await call(), seconds: (performance.now() - start) / 1000 };
}

// Run the features wanted and print one JSON document of what each saw; one that breaks is told as broken.
export async function tell(features) {
  const told = {};
  for (const name of process.env.CLIENT_FEATURES.split(",")) {
    try {
      told[name] = await features[name]();
    } catch (error) {
      told[name] = { broken: `${error.constructor.name}: ${error.message}`.slice(0, 2000) };
    }
  }
  process.stdout.write(JSON.stringify(told) + "\n");
}
