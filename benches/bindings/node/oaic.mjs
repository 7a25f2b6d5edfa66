// The Node package's side of `make bench-bindings`: one kind of work, so many units of it. run.py says what the kinds
// are; openai.mjs is its twin with the official package.
//
//     node oaic.mjs KIND COUNT

import { createRequire } from "node:module";

const { Client } = createRequire(import.meta.url)(process.env.OAIC_NODE);
const [kind, count] = [process.argv[2], Number(process.argv[3])];
const model = "text-embedding-3-small";
const client = new Client({ maxConcurrentRequests: 64, queueSize: 1_000_000, learnLimits: false });

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
            const vectors = await client.embed(model, ["a text to embed"]);
            expect(vectors.dims === 1536, "no vector");
        }),
    bulk: () =>
        atOnce(4, count / 256, async () => {
            const vectors = await client.embed(model, Array(256).fill("a text to embed"));
            expect(vectors.rows === 256, "not all vectors");
        }),
    stream: async () => {
        let chunks = 0;
        await atOnce(8, count / 1000, async () => {
            for await (const event of client.chatStream(JSON.parse(process.env.BENCH_CHAT))) {
                if (event.choices[0]?.delta.content !== undefined) chunks++;
            }
        });
        expect(chunks >= count, `${chunks} chunks`);
    },
    pending: async () => {
        for (let i = 0; i < count; i++) client.embed(model, ["a text to embed"]).catch(() => {});
        await new Promise((resolve) => setTimeout(resolve, 500));
        console.log("pending");
        process.stdin.once("end", () => process.exit(0)).resume();
        await new Promise(() => {});
    },
};
await works[kind]();
client.close();
