// The official package's side of `make bench-bindings`; oaic.mjs is its twin.
//
//     node openai.mjs KIND COUNT

import OpenAI from "openai";
import { MODEL, TEXT, chat, expect, work } from "./work.mjs";

const client = new OpenAI({ maxRetries: 0 });

await work({
    async embed(texts) {
        const answer = await client.embeddings.create({ model: MODEL, input: texts });
        const whole = answer.data.length === texts.length && answer.data[0].embedding.length === 1536;
        expect(whole, "not all vectors");
    },
    async chunksOfAStream() {
        let chunks = 0;
        for await (const event of await client.chat.completions.create({ ...chat(), stream: true })) {
            if (event.choices[0]?.delta.content !== undefined) chunks++;
        }
        return chunks;
    },
    start: () => client.embeddings.create({ model: MODEL, input: [TEXT] }),
});
