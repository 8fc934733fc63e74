// Everything that the tests ask through Ollama's JavaScript client, as one JSON object on stdout.
import { Ollama } from "ollama";

const [host, model, embedder, prompt] = process.argv.slice(2);
const client = new Ollama({ host });
const options = { num_predict: 8 };
const context = "The bridge was built by Dunmore and Sons and opened on 9 June 1891.";
const messages = [
  { role: "system", content: context },
  { role: "user", content: "Who built the bridge?" },
];

const chunks = [];
for await (const part of await client.chat({ model, messages, options, stream: true })) {
  chunks.push(part.message.content);
}
const pieces = [];
for await (const part of await client.generate({ model, prompt, system: context, options, stream: true })) {
  pieces.push(part.response);
}
const whole = await client.chat({ model, messages, options, stream: false });
const generated = await client.generate({ model, prompt, system: context, options, stream: false });
const shown = await client.show({ model });
let refusal = "";
try {
  await client.chat({ model: "bert-qa:nothing", messages });
} catch (error) {
  refusal = error.message;
}
console.log(
  JSON.stringify({
    models: (await client.list()).models.map((one) => one.name),
    family: shown.details.family,
    chat: whole.message.content,
    done_reason: whole.done_reason,
    generated: generated.response,
    chunks,
    pieces,
    vectors: (await client.embed({ model: embedder, input: ["one", "two"] })).embeddings.map((one) => one.length),
    refusal,
  }),
);
