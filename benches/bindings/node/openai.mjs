// The official package's side of `make bench-bindings`; oaic.mjs is its twin.
//
//     node openai.mjs KIND COUNT

import OpenAI from "openai";

const [kind, count] = [process.argv[2], Number(process.argv[3])];
const model = "text-embedding-3-small";
const client = new OpenAI({ maxRetries: 0 });

async function atOnce(workers, count, work) {
    let next = 0;
    const worker = async () => {
        while (next++ < count) await work();
    };
    await Promise.all(Array.from({ length: workers }, worker));
}

const expect = (holds, what) => {
    if (!holds) throw new Error(what);
};
const works = {
    embed: () =>
        atOnce(64, count, async () => {
            const answer = await client.embeddings.create({ model, input: ["a text to embed"] });
            expect(answer.data[0].embedding.length === 1536, "no vector");
        }),
    bulk: () =>
        atOnce(4, count / 256, async () => {
            const answer = await client.embeddings.create({ model, input: Array(256).fill("a text to embed") });
            expect(answer.data.length === 256 && answer.data[0].embedding.length === 1536, "not all vectors");
        }),
    stream: async () => {
        let chunks = 0;
        await atOnce(8, count / 1000, async () => {
            const stream = await client.chat.completions.create({ ...JSON.parse(process.env.BENCH_CHAT), stream: true });
            for await (const event of stream) {
                if (event.choices[0]?.delta.content !== undefined) chunks++;
            }
        });
        expect(chunks >= count, `${chunks} chunks`);
    },
    pending: async () => {
        for (let i = 0; i < count; i++) {
            client.embeddings.create({ model, input: ["a text to embed"] }).catch(() => {});
        }
        await new Promise((resolve) => setTimeout(resolve, 500));
        console.log("pending");
        process.stdin.once("end", () => process.exit(0)).resume();
        await new Promise(() => {});
    },
};
await works[kind]();
