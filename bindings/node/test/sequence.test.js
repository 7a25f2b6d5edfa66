// This file tests the calls that are several requests (waits, batches, uploads in parts), and tokens that rotate.
'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { after, before, beforeEach, test } = require('node:test');
const { AbortError, TimeoutError } = require('oaic');
const { startServer } = require('./server');

const soon = { intervalMs: 1, maxIntervalMs: 1 };
const job = '/fine_tuning/jobs/job-1';

let server;
let folder;
before(async () => {
    server = await startServer();
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'oaic-node-'));
});
beforeEach(() => server.ask('/_reset', {}));
after(async () => {
    fs.rmSync(folder, { recursive: true });
    await server.stop();
});

function clientOf(t, options) {
    const client = server.client(options);
    t.after(() => client.close());
    return client;
}

function fileOf(name, content) {
    const file = path.join(folder, name);
    fs.writeFileSync(file, content);
    return file;
}

/** Lets the server tell these statuses of a job one after the other, the last for ever. */
function tells(...statuses) {
    return server.ask('/_script', statuses.map((status, i) => ({
        match: { path: '/v1/fine_tuning/*' }, times: i === statuses.length - 1 ? null : 1, status: 200, body: { status },
    })));
}

test('a wait ends with its object', async (t) => {
    await tells('queued', 'running', 'failed');
    const answer = await clientOf(t).waitUntil(job, { ...soon, headers: { 'x-thing': 'yes' }, query: { expand: 'all' } });
    assert.deepEqual(answer.json(), { status: 'failed' });
    const log = await server.ask('/_log');
    assert.deepEqual(log.map((arrival) => arrival.path), Array(3).fill(`/v1${job}?expand=all`));
    assert.equal([log[2].headers['x-thing']].flat()[0], 'yes');
});

test('a wait looks where it is told', async (t) => {
    await server.ask('/_script', ['a', 'b', 'c'].map((state) => ({ match: { path: '/v1/things' }, status: 200, body: { state } })));
    const answer = await clientOf(t).waitUntil('/things', { ...soon, field: 'state', statuses: ['b'] });
    assert.deepEqual(answer.json(), { state: 'b' });
    await assert.rejects(clientOf(t).waitUntil('/none', soon), (error) => error.status === 'OAI_ERR_HTTP_NOT_FOUND' &&
        JSON.parse(error.body).error.message !== undefined);
});

test('a signal and the time end a wait', async (t) => {
    await tells('running');
    const client = clientOf(t);
    const abort = new AbortController();
    const waiting = client.waitUntil(job, { ...soon, signal: abort.signal });
    await server.ask('/_stats?arrived=3');
    abort.abort();
    await assert.rejects(waiting, (error) => error instanceof AbortError && error.cause === abort.signal.reason);
    await assert.rejects(client.waitUntil(job, { signal: abort.signal }), AbortError);
    await assert.rejects(client.waitUntil(job, { ...soon, timeoutMs: 1000 }), (error) => error instanceof TimeoutError &&
        JSON.parse(error.body).status === 'running');
});

test('a misspelt option is refused', async (t) => {
    const client = clientOf(t);
    const wrong = { status: 'OAI_ERR_INVALID_ARGUMENT', message: /no option "timeoutMS", but signal, / };
    await assert.rejects(client.waitUntil(job, { ...soon, timeoutMS: 1000 }), wrong);
    await assert.rejects(client.runBatch({ batch_id: 'batch-test' }, { ...soon, timeoutMS: 1000 }), wrong);
    await assert.rejects(client.uploadInParts('none', { purpose: 'batch' }, { timeoutMS: 1000 }), wrong);
    assert.deepEqual(await server.ask('/_log'), []);
});

test('a batch runs from its input to its results', async (t) => {
    const [input, output] = [fileOf('in.jsonl', '{"custom_id": "1"}\n'), path.join(folder, 'out.jsonl')];
    const batch = await clientOf(t).runBatch({ endpoint: '/v1/embeddings', metadata: { for: 'tests' } }, { input, output, ...soon });
    assert.equal(batch.json().status, 'completed');
    assert.equal(fs.readFileSync(output, 'utf8'), batch.json().output_file_id);
    const [, created] = await server.ask('/_log');
    assert.deepEqual([created.path, created.body.endpoint, created.body.metadata], ['/v1/batches', '/v1/embeddings', { for: 'tests' }]);
});

test('a batch tells how far it is', async (t) => {
    const batch = { id: 'batch-test', status: 'in_progress', request_counts: { completed: 40, failed: 1, total: 100 } };
    await server.ask('/_script', [
        { match: { path: '/v1/batches' }, status: 200, body: { id: 'batch-test', status: 'validating' } },
        { match: { path: '/v1/batches/*' }, status: 200, body: batch },
    ]);
    const [input, output] = [fileOf('in.jsonl', '{}\n'), path.join(folder, 'out.jsonl')];
    const told = []; // of a body that goes up or down its last alone
    const onProgress = (progress) => {
        if (progress.way !== 'batch' && progress.way === told.at(-1)?.way) told.pop();
        told.push(progress);
    };
    await clientOf(t).runBatch({ endpoint: '/v1/embeddings' }, { input, output, onProgress, ...soon });
    const [upload, ...others] = told;
    assert.deepEqual(upload, { way: 'upload', bytes: upload.total, total: upload.total });
    assert.ok(upload.total > 3);
    const state = { way: 'batch', batch_id: 'batch-test' };
    assert.deepEqual(others, [
        { ...state, status: 'validating', completed: null, failed: null, total: null },
        { ...state, status: 'in_progress', completed: 40, failed: 1, total: 100 },
        { ...state, status: 'completed', completed: 1, failed: 0, total: 1 },
        { way: 'download', bytes: 11, total: 11, file: 'output' },
    ]);
});

test('an interrupted batch goes on', async (t) => {
    await server.ask('/_script', [{ match: { path: '/v1/batches/*' }, times: null, status: 200, body: { status: 'in_progress' } }]);
    const client = clientOf(t);
    const abort = new AbortController();
    const running = client.runBatch({ endpoint: '/v1/embeddings' }, { input: fileOf('in.jsonl', '{}\n'), signal: abort.signal, ...soon });
    await server.ask('/_stats?arrived=4');
    abort.abort();
    const error = await running.then(assert.fail, (error) => error);
    assert.ok(error instanceof AbortError);
    assert.deepEqual(JSON.parse(error.body), { batch_id: 'batch-test' });
    await server.ask('/_reset', {});
    assert.equal((await client.runBatch(error.body, soon)).json().status, 'completed');
    assert.equal((await server.ask('/_log'))[0].path, '/v1/batches/batch-test');

    for (const body of ['{', '[]', null, 7]) {
        await assert.rejects(client.runBatch(body, {}), { status: 'OAI_ERR_INVALID_ARGUMENT', message: /no JSON/ });
    }
    await assert.rejects(client.runBatch({}, {}), { status: 'OAI_ERR_INVALID_ARGUMENT' });
});

test('a file goes up in parts, and an interrupted one goes on', async (t) => {
    const client = clientOf(t, { maxRetries: 0 });
    const file = fileOf('large.jsonl', 'x'.repeat(1000));
    const [body, told] = [{ purpose: 'batch', part_bytes: 300 }, []];
    const answer = await client.uploadInParts(file, body, { onProgress: (progress) => told.push(progress) });
    assert.equal(answer.json().status, 'completed');
    assert.deepEqual(told.at(-1), { way: 'upload', bytes: 1000, total: 1000 });
    assert.equal((await server.ask('/_stats')).arrived, 6);

    await server.ask('/_reset', {});
    await server.ask('/_script', [{ match: { path: '/v1/uploads/upload-test/complete' }, status: 500 }]);
    const error = await client.uploadInParts(file, body).then(assert.fail, (error) => error);
    assert.equal(JSON.parse(error.body).part_ids.length, 4);
    await client.uploadInParts(file, { ...body, ...JSON.parse(error.body) });
    assert.equal((await server.ask('/_stats')).arrived, 7);

    await assert.rejects(client.uploadInParts(file, body, { signal: AbortSignal.abort() }), AbortError);
    await assert.rejects(client.uploadInParts(`${file}.none`, body), { status: 'OAI_ERR_FILE' });
});

// ===== tokens =====

/** Provides token-1, token-2, ... */
function numbered(more) {
    const provider = async () => ({ token: `token-${++provider.asked}`, ...more });
    provider.asked = 0;
    return provider;
}

async function authorizations() {
    return (await server.ask('/_log')).map((arrival) => [arrival.headers.authorization].flat()[0]);
}

const hello = { model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'Hello' }] };

test('many calls and streams wait for one token', async (t) => {
    const tokenProvider = numbered({ expiresInMs: 3600_000 });
    const client = clientOf(t, { tokenProvider });
    await Promise.all([client.chatStream(hello).final(), ...Array.from({ length: 20 }, () => client.models())]);
    assert.equal(tokenProvider.asked, 1);
    assert.deepEqual(new Set(await authorizations()), new Set(['Bearer token-1']));
    await clientOf(t, { tokenProvider: () => 'plain' }).chatStream(hello).final();
    assert.equal((await authorizations()).at(-1), 'Bearer plain');
});

test('a 401 and the end of a token bring a new one', async (t) => {
    await server.ask('/_script', [{ status: 401 }]);
    const tokenProvider = numbered();
    await clientOf(t, { tokenProvider }).models();
    assert.deepEqual(await authorizations(), ['Bearer token-1', 'Bearer token-2']);

    const short = numbered({ expiresInMs: 50 });
    const client = clientOf(t, { tokenProvider: short });
    while (short.asked < 3) await client.models();
});

test('why there is no token is told', async (t) => {
    const client = clientOf(t);
    for (const [tokenProvider, message] of [
        [() => { throw new Error('the vault is sealed'); }, /the vault is sealed/],
        [async () => Promise.reject(new Error('the vault is away')), /the vault is away/],
        [() => ({ token: 't', expiresInMs: -1 }), /had ended already/], [() => undefined, /gave no token/],
        [() => 'two\nlines', /token/],
    ]) {
        client.configure({ tokenProvider });
        const error = await client.models().then(assert.fail, (error) => error);
        assert.equal(error.status, 'OAI_ERR_NO_API_KEY');
        assert.match(error.message, message);
        assert.doesNotMatch(error.message, /lines/);
    }
    assert.throws(() => client.configure({ tokenProvider: 'token' }), { status: 'OAI_ERR_INVALID_ARGUMENT' });
    assert.deepEqual(await server.ask('/_log'), []);
});

test('a provider is an option that changes, and ends with the client', async (t) => {
    const ends = [];
    const never = ({ signal }) => new Promise(() => ends.push(signal));
    const client = clientOf(t, { apiKey: 'sk-fixed', tokenProvider: never });
    const waiting = client.models();
    while (ends.length === 0) await new Promise(setImmediate);
    client.configure({ maxRetries: 1, tokenProvider: numbered() });
    assert.ok(ends[0].aborted);
    await waiting;
    client.configure({ tokenProvider: null });
    await client.models();
    assert.deepEqual(await authorizations(), ['Bearer token-1', 'Bearer sk-fixed']);

    client.configure({ tokenProvider: never });
    const left = client.models();
    while (ends.length === 1) await new Promise(setImmediate);
    client.close();
    assert.ok(ends[1].aborted);
    await assert.rejects(left, AbortError);
    assert.throws(() => client.configure({ tokenProvider: never }), { status: 'OAI_ERR_CLOSED' });
});
