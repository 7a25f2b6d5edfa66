// This file is compiled and never run: it uses the package as a program in TypeScript does. What must not compile is
// marked, and is an error where it does.
import { AbortError, Client, OaicError, RateLimitError, setLog, textIn, verifyWebhook } from 'oaic';
import type { ClientOptions, Embeddings, Response, TokenProvider } from 'oaic';

const options: ClientOptions = {
    apiKey: 'sk-test', maxConcurrentRequests: 8, dotenv: false, limits: { m: { requestsPerMinute: 500 } },
    fallbacks: [{ baseURL: 'http://localhost', model: 'n' }],
};

const tokenProvider: TokenProvider = async ({ signal }) => {
    const answer = await fetch('http://localhost/token', { signal });
    return { token: await answer.text(), expiresInMs: 3_600_000 };
};

export async function use(headers: Headers): Promise<void> {
    const client = new Client(options);
    const vectors: Embeddings = await client.embed('m', ['a', 'b'], { dimensions: 256, priority: 'low' });
    const row: Float32Array = vectors.row(0);
    for (const vector of vectors) vector.set(row);
    const answer: Response = await client.chat({ model: 'm', messages: [] }, { signal: AbortSignal.timeout(1000) });
    const parsed = answer.json<{ choices: { message: { content: string } }[] }>();
    const text: string = parsed.choices[0].message.content;
    for await (const event of client.chatStream<{ id: string }>({ model: 'm' })) {
        const id: string = event.id;
        void [id, textIn(event)];
    }
    const stream = client.responsesStream('{}');
    for await (const piece of stream.texts()) piece.trim();
    const whole: Buffer = (await stream.final()).body;
    for await (const item of client.items<{ id: string }>({ method: 'GET', path: '/files' })) item.id.trim();
    await client.upload({ path: 'a.jsonl' }, 'batch', { onProgress: ({ bytes }) => void bytes });
    client.configure({ tokenProvider });
    new Client({ tokenProvider: () => 'token' }).configure({ tokenProvider: null });
    const waited: Response = await client.waitUntil('/batches/b', { intervalMs: 1, statuses: ['completed'], query: { a: 1 } });
    await client.runBatch({ endpoint: '/v1/embeddings' }, { input: 'a', output: 'b', signal: AbortSignal.timeout(1) });
    await client.runBatch({ endpoint: '/v1/embeddings' }, {
        onProgress: (progress) => {
            const total: number | null = progress.total;
            if (progress.way === 'batch') void [progress.batch_id.trim(), progress.status.trim(), total];
            else if (progress.way === 'download') void [progress.bytes, progress.file.trim()];
            // @ts-expect-error: an upload is of bytes alone
            else void [progress.bytes, progress.status];
        },
    });
    await client.uploadInParts('a', { purpose: 'batch' }, { onProgress: ({ total }) => void [total, waited] });
    const source: string = client.config().maxRetries.source;
    client.verifyWebhook(whole, headers);
    verifyWebhook('whsec_', 'body', { 'webhook-id': 'x' }, { toleranceMs: 1000 });
    setLog((level, line) => console.log(level, line), 'info');
    try {
        await client.shutdown(1000);
    } catch (error) {
        if (error instanceof RateLimitError) console.log(error.retryAfterMs, error.requestId, text, source);
        else if (error instanceof AbortError) console.log(error.cause);
        else if (error instanceof OaicError) console.log(error.status, error.httpStatus, error.mayHaveExecuted, error.body?.length);
    }
    await client[Symbol.asyncDispose]();

    // @ts-expect-error: there is no such priority
    await client.embed('m', 'a', { priority: 'urgent' });
    // @ts-expect-error: an input is a text
    await client.embed('m', [1]);
    // @ts-expect-error: errors are made by the package
    new OaicError();
    // @ts-expect-error: a token is a text, or has its time in milliseconds beside it
    new Client({ tokenProvider: () => ({ token: 'a', expiresInMs: '1' }) });
    // @ts-expect-error: a batch has no such option
    await client.runBatch({}, { files: 'a' });
    // @ts-expect-error: a number, not a text
    options.maxRetries = '5';
}
