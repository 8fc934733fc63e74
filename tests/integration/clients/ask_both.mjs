// What openai's and Ollama's JavaScript clients get of this server, as one JSON object on stdout.
import { Ollama } from "ollama";
import OpenAI from "openai";

const [host, model, embedder] = process.argv.slice(2);
const openai = new OpenAI({ baseURL: `${host}/v1`, apiKey: "unused", maxRetries: 0 });
const client = new Ollama({ host });
const question = { role: "user", content: "Who built the bridge?" };
const messages = [{ role: "system", content: "The bridge was built by Dunmore and Sons in 1891." }, question];

const whole = await openai.chat.completions.create({ model, messages });
let streamed = "";
for await (const part of await openai.chat.completions.create({ model, messages, stream: true })) {
  streamed += part.choices[0]?.delta?.content ?? "";
}
const properties = { builder: { type: "string" } };
const format = { type: "object", properties, required: ["builder"], additionalProperties: false };
const fitted = await openai.chat.completions.create({
  model,
  messages,
  response_format: { type: "json_schema", json_schema: { name: "found", schema: format, strict: true } },
});
let refusal = "";
try {
  await openai.chat.completions.create({ model, messages: [question] });
} catch (error) {
  refusal = error.message;
}
// Without an encoding_format this client asks for base64 by itself.
const packed = await openai.embeddings.create({ model: embedder, input: "hello" });
const numbers = await openai.embeddings.create({ model: embedder, input: "hello", encoding_format: "float" });
console.log(
  JSON.stringify({
    openai: whole.choices[0].message.content,
    streamed,
    schema: JSON.parse(fitted.choices[0].message.content).builder,
    ollama: (await client.chat({ model, messages })).message.content,
    id: (await openai.models.retrieve(embedder)).id,
    packed: Array.from(packed.data[0].embedding),
    numbers: numbers.data[0].embedding,
    native: (await client.embed({ model: embedder, input: "hello" })).embeddings[0],
    refusal,
  }),
);
