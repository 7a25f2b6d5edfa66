// The same as limits.c with openai (npm): a semaphore of 64 and maxRetries 10.
//
//     node openai.mjs BASE_URL short|mixed MODEL=COUNT...
//
// run.py copies it beside node_modules and starts it there. It only makes embeddings calls to BASE_URL.
import OpenAI from "openai";
import readline from "node:readline";

const [baseURL, texts, ...groups] = process.argv.slice(2);
const client = new OpenAI({ baseURL, apiKey: "sk-bench", maxRetries: 10 });
const tokens = (i) => 10 + ((i * 7919) % 3991);

const work = [];
const left = {}, failed = {}, count = {};
for (const group of groups) {
  const [model, n] = group.split("=");
  left[model] = count[model] = Number(n);
  failed[model] = 0;
  for (let i = 0; i < Number(n); i++) {
    work.push([model, "a".repeat(texts === "mixed" ? 4 * tokens(i) : 16)]);
  }
}

// 64 workers that take from one list: a semaphore of 64 without a waiting promise for each request.
let next = 0;
async function worker() {
  while (next < work.length) {
    const [model, input] = work[next++];
    try {
      await client.embeddings.create({ model, input, dimensions: 8 });
    } catch {
      failed[model]++;
    }
    if (--left[model] === 0) console.log(`done ${model} ${count[model]} ${failed[model]}`);
  }
}

console.log("ready");
const lines = readline.createInterface({ input: process.stdin });
lines.once("line", async () => {
  await Promise.all(Array.from({ length: 64 }, worker));
  console.log("end");
  lines.close();
});
