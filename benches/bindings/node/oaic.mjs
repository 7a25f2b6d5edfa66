// The Node package's side of `make bench-bindings`: one kind of work, so many units of it. run.py says what the kinds
// are; openai.mjs is its twin with the official package.
//
//     node oaic.mjs KIND COUNT

import { createRequire } from "node:module";
import { MODEL, TEXT, chat, expect, work } from "./work.mjs";

const { Client } = createRequire(import.meta.url)(process.env.OAIC_NODE);
const client = new Client({ maxConcurrentRequests: 64, queueSize: 1_000_000, learnLimits: false });

await work({
    async embed(texts) {
        const vectors = await client.embed(MODEL, texts);
        expect(vectors.rows === texts.length && vectors.dims === 1536, "not all vectors");
    },
    async chunksOfAStream() {
        let chunks = 0;
        for await (const event of client.chatStream(chat())) {
            if (event.choices[0]?.delta.content !== undefined) chunks++;
        }
        return chunks;
    },
    start: () => client.embed(MODEL, [TEXT]),
});
client.close();
