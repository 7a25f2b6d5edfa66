// What both sides of the Node benchmark share: the kinds of work, spread over promises. A side brings how it embeds
// (checking its vectors), counts the chunks of a stream, and starts an embedding.

export const MODEL = "text-embedding-3-small";
export const TEXT = "a text to embed";
export const chat = () => JSON.parse(process.env.BENCH_CHAT);

export function expect(holds, what) {
    if (!holds) throw new Error(what);
}

async function atOnce(workers, count, work) {
    let next = 0;
    const worker = async () => {
        while (next++ < count) await work();
    };
    await Promise.all(Array.from({ length: workers }, worker));
}

export async function work({ embed, chunksOfAStream, start }) {
    const [kind, count] = [process.argv[2], Number(process.argv[3])];
    if (kind === "embed") {
        await atOnce(64, count, () => embed([TEXT]));
    } else if (kind === "bulk") {
        await atOnce(4, count / 256, () => embed(Array(256).fill(TEXT)));
    } else if (kind === "stream") {
        let chunks = 0;
        await atOnce(8, count / 1000, async () => {
            // Not in one line, which would read the sum before it waits.
            const more = await chunksOfAStream();
            chunks += more;
        });
        expect(chunks >= count, `${chunks} chunks`);
    } else if (kind === "pending") {
        for (let i = 0; i < count; i++) start().catch(() => {});
        await new Promise((resolve) => setTimeout(resolve, 500));
        console.log("pending");
        process.stdin.once("end", () => process.exit(0)).resume();
        await new Promise(() => {});
    }
}
