// This file tests the calls of a client, its settings and its end against the test server.
'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { after, before, beforeEach, test } = require('node:test');
const { setTimeout: sleep } = require('node:timers/promises');
const { AbortError, ApiError, Client, OaicError, RateLimitError, RefusedError, TimeoutError, setLog,
    verifyWebhook } = require('oaic');
const { startServer } = require('./server');

const hello = { model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'Hello' }] };
const hang = { drop: 'hang', times: null };

let server;
before(async () => { server = await startServer(); });
beforeEach(() => server.ask('/_reset', {}));
after(() => server.stop());

/** A client that is closed when the test ends. */
function clientOf(t, options) {
    const client = server.client(options);
    t.after(() => client.close());
    return client;
}

/** Runs `use` in a folder that goes away. */
async function inFolder(use) {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'oaic-node-'));
    try {
        await use(folder);
    } finally {
        fs.rmSync(folder, { recursive: true });
    }
}

test('embed gives a row for each text', async (t) => {
    const client = clientOf(t);
    const vectors = await client.embed('text-embedding-3-small', ['one', 'two ü €', ''.padEnd(30_000, 'long ')], { dimensions: 8 });
    assert.equal(vectors.rows, 3);
    assert.equal(vectors.dims, 8);
    assert.ok(vectors.data instanceof Float32Array);
    assert.equal([...vectors].length, 3);
    assert.deepEqual(vectors.row(1), vectors.data.subarray(8, 16));
    assert.notDeepEqual(vectors.row(0), vectors.row(1));
    assert.ok(vectors.usage.promptTokens > 0);
    assert.equal(vectors.attempts, 1);
    assert.match(vectors.requestId, /^req_/);
    assert.throws(() => vectors.row(3), RangeError);
    const alone = await client.embed('text-embedding-3-small', 'two ü €', { dimensions: 8 });
    assert.deepEqual(alone.data, vectors.row(1).slice());
    const [first] = await server.ask('/_log');
    assert.equal(first.body.input[1], 'two ü €');
});

test('a large matrix is not copied, survives collection, and cannot be moved away', async (t) => {
    const client = clientOf(t);
    const texts = Array.from({ length: 256 }, (_, i) => `text ${i}`);
    const small = await client.embed('text-embedding-3-small', texts[7]);
    for (let round = 0; round < 20; round++) {
        const vectors = await client.embed('text-embedding-3-small', texts);
        assert.equal(vectors.data.length, 256 * 1536);
        assert.deepEqual(vectors.row(7).slice(), small.data);
        let copy;
        try {
            copy = structuredClone(vectors.data, { transfer: [vectors.data.buffer] });
        } catch (error) {
            assert.equal(error.name, 'DataCloneError');
        }
        assert.equal(vectors.data.length, 256 * 1536, 'the matrix was moved away');
        if (copy) assert.notEqual(copy.buffer, vectors.data.buffer);
    }
});

test('inputs that cannot be embedded are refused', async (t) => {
    const client = clientOf(t);
    for (const input of [[], undefined, 7, ['a', 7]]) {
        await assert.rejects(client.embed('m', input), { status: 'OAI_ERR_INVALID_ARGUMENT' });
    }
    assert.deepEqual(await server.ask('/_log'), []);
});

test('many calls at once each get their own outcome', async (t) => {
    await server.ask('/_script', [{ pass: true, delay_ms: 5, times: null }]);
    const client = clientOf(t, { maxConcurrentRequests: 32, queueSize: 1000 });
    const texts = Array.from({ length: 300 }, (_, i) => `text ${i}`);
    const together = await client.embed('text-embedding-3-small', texts, { dimensions: 4 });
    const alone = await Promise.all(texts.map((text) => client.embed('text-embedding-3-small', text, { dimensions: 4 })));
    alone.forEach((vectors, i) => assert.deepEqual(vectors.data, together.row(i).slice()));
});

test('bodies are objects, texts or bytes', async (t) => {
    const client = clientOf(t);
    for (const body of [hello, JSON.stringify(hello), Buffer.from(JSON.stringify(hello))]) {
        const answer = await client.chat(body);
        assert.equal(answer.json().choices[0].message.content, 'You said: Hello');
        assert.equal(answer.httpStatus, 200);
        assert.equal(answer.headers['content-type'], 'application/json');
    }
    await assert.rejects(client.chat('{'), { status: 'OAI_ERR_INVALID_ARGUMENT' });
    await assert.rejects(client.chat(7), { status: 'OAI_ERR_INVALID_ARGUMENT' });
});

test('short forms reach their paths', async (t) => {
    await server.ask('/_script', [{ match: { path: '/v1/*' }, times: null, status: 200, body: { object: 'anything' } }]);
    const client = clientOf(t);
    const sound = { filename: 'a.mp3', content: Buffer.from('sound') };
    const calls = [
        [() => client.chat({}), 'POST /v1/chat/completions'], [() => client.responses({}), 'POST /v1/responses'],
        [() => client.completions({}), 'POST /v1/completions'], [() => client.moderate({}), 'POST /v1/moderations'],
        [() => client.models(), 'GET /v1/models'], [() => client.image({}), 'POST /v1/images/generations'],
        [() => client.speech({}), 'POST /v1/audio/speech'],
        [() => client.imageEdit({ filename: 'a.png', content: 'x' }, { prompt: 'p' }), 'POST /v1/images/edits'],
        [() => client.transcribe(sound, { model: 'm' }), 'POST /v1/audio/transcriptions'],
        [() => client.translate(sound, { model: 'm' }), 'POST /v1/audio/translations'],
        [() => client.upload(sound, 'batch'), 'POST /v1/files'], [() => client.download('f'), 'GET /v1/files/f/content'],
    ];
    for (const [call] of calls) assert.deepEqual((await call()).json(), { object: 'anything' });
    const log = await server.ask('/_log');
    assert.deepEqual(log.map((arrival) => `${arrival.method} ${arrival.path}`), calls.map(([, where]) => where));
});

test('a request sends all that it holds', async (t) => {
    await server.ask('/_script', [{ match: { path: '/v1/things' }, times: null, status: 200, body: {} }]);
    await clientOf(t).request({
        method: 'PATCH', path: '/things', body: { a: 1 }, query: { 'include[]': ['x', 'y z'], limit: 2, none: undefined },
        headers: new Headers({ 'x-thing': 'yes' }), idempotencyKey: 'key-1', priority: 'high', timeoutMs: 5000,
    });
    const [arrival] = await server.ask('/_log');
    assert.equal(arrival.method, 'PATCH');
    assert.deepEqual(new URLSearchParams(arrival.path.split('?')[1]).getAll('include[]'), ['x', 'y z']);
    assert.deepEqual(arrival.body, { a: 1 });
    assert.equal([arrival.headers['x-thing']].flat()[0], 'yes');
    assert.equal([arrival.headers['idempotency-key']].flat()[0], 'key-1');
    await assert.rejects(clientOf(t).request({ method: 'GET', path: '/x', priority: 'urgent' }), /high, normal and low/);
});

test('errors tell all that is known', async (t) => {
    await server.ask('/_script', [{ status: 429, headers: { 'retry-after': '7' }, times: null,
        body: { error: { message: 'Slow down.', type: 'requests', code: 'rate_limit_exceeded', param: 'model' } } }]);
    const error = await clientOf(t, { maxRetries: 0 }).chat(hello).then(assert.fail, (error) => error);
    assert.ok(error instanceof RateLimitError && error instanceof ApiError && error instanceof OaicError && error instanceof Error);
    const { name, status, statusNumber, httpStatus, code, type, param, retryAfterMs, attempts, mayHaveExecuted } = error;
    assert.deepEqual({ name, status, statusNumber, httpStatus, code, type, param, retryAfterMs, attempts, mayHaveExecuted }, {
        name: 'RateLimitError', status: 'OAI_ERR_RATE_LIMITED', statusNumber: -207, httpStatus: 429, type: 'requests',
        code: 'rate_limit_exceeded', param: 'model', retryAfterMs: 7000, attempts: 1, mayHaveExecuted: false,
    });
    assert.match(error.message, /Slow down\./);
    assert.match(error.requestId, /^req_/);
});

test('a signal cancels the request in the server', async (t) => {
    await server.ask('/_script', [hang]);
    const client = clientOf(t);
    const abort = new AbortController();
    const call = client.chat(hello, { signal: abort.signal });
    await server.ask('/_stats?in_flight=1');
    abort.abort(new Error('nobody waits'));
    await assert.rejects(call, (error) => error instanceof AbortError && error.name === 'AbortError' &&
        error.status === 'OAI_ERR_CANCELLED' && error.cause.message === 'nobody waits');
    assert.equal((await server.ask('/_stats?in_flight=0')).in_flight, 0);
    await assert.rejects(client.chat(hello, { signal: abort.signal }), AbortError);
    await assert.rejects(client.embed('m', 'a', { signal: abort.signal }), AbortError);
    assert.equal((await server.ask('/_log')).length, 1);
});

test('a request that waits too long times out', async (t) => {
    await server.ask('/_script', [hang]);
    await assert.rejects(clientOf(t).chat(hello, { timeoutMs: 50 }), (error) => error instanceof TimeoutError &&
        error.status === 'OAI_ERR_DEADLINE');
});

test('a fallback serves what its own place cannot', async (t) => {
    const client = clientOf(t, { baseURL: 'http://127.0.0.1:1/v1', maxRetries: 0, fallbacks: [{ baseURL: `${server.url}/v1` }] });
    assert.equal((await client.chat(hello)).fallback, 1);
    assert.equal((await clientOf(t).chat(hello)).fallback, 0);
});

test('a full queue refuses', async (t) => {
    await server.ask('/_script', [hang]);
    const client = clientOf(t, { maxConcurrentRequests: 1, queueSize: 1 });
    const left = [client.chat(hello), client.chat(hello)];
    await assert.rejects(client.chat(hello), (error) => error instanceof RefusedError && error.status === 'OAI_ERR_QUEUE_FULL');
    client.close();
    await Promise.all(left.map((one) => assert.rejects(one, AbortError)));
});

test('closing cancels what is left', async (t) => {
    await server.ask('/_script', [hang]);
    const client = clientOf(t);
    const call = client.chat(hello);
    await server.ask('/_stats?in_flight=1');
    client.close();
    client.close();
    await assert.rejects(call, { status: 'OAI_ERR_CANCELLED' });
    for (const use of [() => client.chat(hello), () => client.drain(0), async () => client.stats()]) {
        await assert.rejects(use, { status: 'OAI_ERR_CLOSED' });
    }
});

test('shutdown waits for what is under way', async (t) => {
    await server.ask('/_script', [{ hold: 'gate' }]);
    const client = clientOf(t);
    const call = client.chat(hello);
    await server.ask('/_stats?in_flight=1');
    const end = client.shutdown();
    await assert.rejects(client.chat(hello), { status: 'OAI_ERR_CLOSED' });
    await server.ask('/_release', { hold: 'gate' });
    await end;
    assert.equal((await call).httpStatus, 200);

    await server.ask('/_script', [hang]);
    const other = clientOf(t);
    const lost = other.chat(hello);
    await Promise.all([assert.rejects(lost, AbortError), assert.rejects(other.shutdown(30), { status: 'OAI_ERR_DEADLINE' })]);
});

test('settings are checked and told', (t) => {
    const client = clientOf(t, { maxRetries: 3, limits: { m: { requestsPerMinute: 7 } } });
    assert.deepEqual(client.config().maxRetries, { value: 3, source: 'explicit' });
    assert.equal(client.config().limits.value.m.requests_per_minute, 7);
    client.configure({ maxRetries: 4, queue_size: 9 });
    assert.equal(client.config().maxRetries.value, 4);
    assert.equal(client.config().queueSize.value, 9);
    assert.throws(() => client.configure({ maxRetries: -1 }), { status: 'OAI_ERR_CONFIG', message: /max_retries/ });
    assert.throws(() => new Client({ maxRetrys: 1 }), { status: 'OAI_ERR_UNKNOWN_OPTION', message: /max_retrys/ });
});

test('each option of the library has its type', (t) => {
    const types = fs.readFileSync(path.join(__dirname, '..', 'lib', 'index.d.ts'), 'utf8');
    const untyped = Object.keys(clientOf(t).config()).filter((name) => !types.includes(`    ${name}?:`));
    assert.deepEqual(untyped, []);
});

test('statistics are JSON and Prometheus', async (t) => {
    const client = clientOf(t);
    await client.chat(hello);
    assert.equal(client.stats().requests.accepted, 1);
    assert.match(client.prometheus(), /^oai_/m);
});

test('files go up and come down', () => inFolder(async (folder) => {
    const client = server.client();
    const [source, target] = [path.join(folder, 'a.jsonl'), path.join(folder, 'b.jsonl')];
    fs.writeFileSync(source, '{"line": 1}\n'.repeat(1000));
    const told = [];
    const onProgress = (progress) => told.push(progress);
    const { id } = (await client.upload({ path: source }, 'batch', { onProgress })).json();
    const content = (await client.download(id)).text();
    assert.ok(content.length > 0);
    const answer = await client.download(id, { outputPath: target, onProgress });
    assert.equal(answer.body.length, 0);
    assert.equal(fs.readFileSync(target, 'utf8'), content);
    assert.deepEqual(new Set(told.map(({ way }) => way)), new Set(['upload', 'download']));
    assert.ok(told.every(({ bytes }) => bytes > 0));
    const fd = fs.openSync(path.join(folder, 'c'), 'w');
    await client.download(id, { outputFd: fd });
    fs.closeSync(fd);
    assert.equal(fs.readFileSync(path.join(folder, 'c'), 'utf8'), content);
    const [sent] = await server.ask('/_log');
    assert.match(JSON.stringify(sent.body), /line/);
    await assert.rejects(client.upload({ path: path.join(folder, 'none') }, 'batch'), { status: 'OAI_ERR_FILE' });
    client.close();
}));

test('pages and items are followed to the end', async (t) => {
    const pages = [{ data: [{ id: 'a' }, { id: 'b' }], has_more: true, last_id: 'b' }, { data: [{ id: 'c' }], has_more: false }];
    await server.ask('/_script', pages.map((body) => ({ match: { path: '/v1/files' }, status: 200, body })));
    const ids = [];
    for await (const item of clientOf(t).items({ method: 'GET', path: '/files' })) ids.push(item.id);
    assert.deepEqual(ids, ['a', 'b', 'c']);
    assert.equal((await server.ask('/_log'))[1].path, '/v1/files?after=b');
});

test('a failed page ends the list, and leaving a list cancels the page ahead', async (t) => {
    const first = { match: { path: '/v1/files' }, status: 200, body: { data: [{ id: 'a' }], has_more: true, last_id: 'a' } };
    const client = clientOf(t);
    await server.ask('/_script', [first, { match: { path: '/v1/files' }, status: 404 }]);
    const pages = client.pages({ method: 'GET', path: '/files' });
    assert.equal((await pages.next()).done, false);
    await assert.rejects(pages.next(), { status: 'OAI_ERR_HTTP_NOT_FOUND' });

    await server.ask('/_script', [first, { match: { path: '/v1/files' }, drop: 'hang' }]);
    for await (const page of client.pages({ method: 'GET', path: '/files' })) {
        assert.equal(page.json().data[0].id, 'a');
        await server.ask('/_stats?in_flight=1');
        break;
    }
    assert.equal((await server.ask('/_stats?in_flight=0')).in_flight, 0);
});

test('the log goes to a function, and back', async (t) => {
    const lines = [];
    setLog((level, line) => lines.push({ level, line }), 'debug');
    t.after(() => setLog(null));
    await clientOf(t).chat(hello);
    while (!lines.some(({ level, line }) => level === 'debug' && line.includes('/chat/completions'))) await sleep(1);
    const others = [];
    setLog((level, line) => others.push(line), 'debug');
    const before = lines.length;
    await clientOf(t).chat(hello);
    while (others.length === 0) await sleep(1);
    assert.equal(lines.length, before);
    assert.throws(() => setLog(() => {}, 'loud'), /loud/);
});

test('webhooks are verified', (t) => {
    const { createHmac } = require('node:crypto');
    const [secret, body, id, now] = ['whsec_c2VjcmV0c2VjcmV0c2VjcmV0', '{"type": "batch.completed"}', 'wh_1', 1_700_000_000];
    const key = Buffer.from(secret.slice(6), 'base64');
    const sign = (time) => `v1,${createHmac('sha256', key).update(`${id}.${time}.${body}`).digest('base64')}`;
    const headers = { 'webhook-id': id, 'webhook-timestamp': String(now), 'webhook-signature': sign(now) };
    verifyWebhook(secret, body, headers, { nowMs: now * 1000 });
    verifyWebhook(secret, Buffer.from(body), new Headers(headers), { nowMs: now * 1000 });
    assert.throws(() => verifyWebhook(secret, `${body} `, headers, { nowMs: now * 1000 }), { status: 'OAI_ERR_WEBHOOK' });
    assert.throws(() => verifyWebhook(secret, body, {}, { nowMs: now * 1000 }), { status: 'OAI_ERR_WEBHOOK' });
    const client = clientOf(t, { webhookSecret: secret });
    assert.throws(() => client.verifyWebhook(body, headers), { status: 'OAI_ERR_WEBHOOK' });
    const today = Math.floor(Date.now() / 1000);
    client.verifyWebhook(body, { ...headers, 'webhook-timestamp': String(today), 'webhook-signature': sign(today) });
});
