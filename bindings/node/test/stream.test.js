// This file tests streams against the test server.
'use strict';

const assert = require('node:assert/strict');
const { after, before, beforeEach, test } = require('node:test');
const { setTimeout } = require('node:timers/promises');
const { AbortError, textIn } = require('oaic');
const { startServer } = require('./server');

const hello = { model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'Hello there' }] };
const slow = { pass: true, chunk_delay_ms: 20, times: null };

let server;
before(async () => { server = await startServer(); });
beforeEach(() => server.ask('/_reset', {}));
after(() => server.stop());

function clientOf(t, options) {
    const client = server.client(options);
    t.after(() => client.close());
    return client;
}

test('a stream gives its events and the whole', async (t) => {
    const stream = clientOf(t).chatStream(hello);
    let [text, events] = ['', 0];
    for await (const event of stream) {
        assert.equal(event.object, 'chat.completion.chunk');
        text += textIn(event);
        events++;
    }
    assert.equal(text, 'You said: Hello there');
    assert.ok(events > 3);
    const whole = await stream.final();
    assert.equal(whole.json().choices[0].message.content, text);
    assert.equal(whole.httpStatus, 200);
    assert.equal(whole.attempts, 1);
    assert.deepEqual(await stream.next(), { value: undefined, done: true });
});

test('the whole comes without reading, and after a part was read', async (t) => {
    const client = clientOf(t);
    assert.match((await client.chatStream(hello).final()).text(), /You said: Hello there/);
    const stream = client.chatStream(hello);
    await stream.next();
    assert.match((await stream.final()).text(), /You said: Hello there/);
});

test('texts gives the pieces of text, of responses too', async (t) => {
    const client = clientOf(t);
    const read = async (stream) => {
        const pieces = [];
        for await (const piece of stream.texts()) pieces.push(piece);
        assert.ok(pieces.length > 1);
        return pieces.join('');
    };
    assert.equal(await read(client.chatStream(hello)), 'You said: Hello there');
    assert.equal(await read(client.completionsStream({ model: 'gpt-4o-mini', prompt: 'Hello there' })), 'You said: Hello there');
    assert.equal(await read(client.responsesStream({ model: 'gpt-4o-mini', input: 'Hello there' })), 'You said: Hello there');
});

test('several may wait for the next event at once', async (t) => {
    const stream = clientOf(t).chatStream(hello);
    const results = await Promise.all(Array.from({ length: 50 }, () => stream.next()));
    const text = results.filter(({ done }) => !done).map(({ value }) => textIn(value)).join('');
    assert.equal(text, 'You said: Hello there');
    assert.ok(results.at(-1).done);
});

test('many streams at once, and their queues serve again', async (t) => {
    const client = clientOf(t, { maxConcurrentRequests: 20, queueSize: 200 });
    const ask = (number) => ({ ...hello, messages: [{ role: 'user', content: `number ${number}` }] });
    for (let round = 0; round < 2; round++) {
        const texts = await Promise.all(Array.from({ length: 100 }, async (_, i) => {
            let text = '';
            for await (const piece of client.chatStream(ask(i)).texts()) text += piece;
            return text;
        }));
        texts.forEach((text, i) => assert.equal(text, `You said: number ${i}`));
    }
});

test('leaving a stream closes its connection', async (t) => {
    await server.ask('/_script', [slow]);
    const stream = clientOf(t).chatStream(hello);
    for await (const event of stream) {
        assert.ok(event);
        break;
    }
    assert.equal((await server.ask('/_stats?in_flight=0')).client_gone, 1);
    assert.deepEqual(await stream.next(), { value: undefined, done: true });
    await assert.rejects(stream.final(), AbortError);
    assert.match((await stream.partial()).text(), /choices/);
});

test('a stream that was there when it was left is whole', async (t) => {
    const chunk = `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content: 'x' } }] })}\n\n`;
    await server.ask('/_script', [{ status: 200, headers: { 'content-type': 'text/event-stream' },
        chunks: [...Array(200).fill(chunk), 'data: [DONE]\n\n'], times: 3 }]);
    const leave = async (stream) => { for await (const event of stream) if (event) break; };
    const partly = async (stream) => {
        await stream.next();
        stream.close();
    };
    for (const left of [leave, partly, (stream) => stream.close()]) {
        const client = clientOf(t, { streamBufferEvents: 1000 });
        const stream = client.chatStream(hello);
        while (client.stats().requests.ended.ok !== 1) await setTimeout(1);
        await left(stream);
        assert.deepEqual(await stream.next(), { value: undefined, done: true });
        assert.equal((await stream.final()).json().choices[0].message.content, 'x'.repeat(200));
    }
});

test('closing while a reader waits ends both', async (t) => {
    await server.ask('/_script', [{ drop: 'hang' }]);
    const stream = clientOf(t).chatStream(hello);
    const waiting = stream.next();
    await server.ask('/_stats?in_flight=1');
    stream.close();
    assert.deepEqual(await waiting, { value: undefined, done: true });
    assert.equal((await server.ask('/_stats?in_flight=0')).in_flight, 0);
});

test('a signal ends a stream', async (t) => {
    await server.ask('/_script', [slow]);
    const abort = new AbortController();
    const stream = clientOf(t).chatStream(hello, { signal: abort.signal });
    await assert.rejects(async () => {
        for await (const event of stream) {
            assert.ok(event);
            abort.abort();
        }
    }, (error) => error instanceof AbortError && error.cause === abort.signal.reason);
    assert.equal((await server.ask('/_stats?in_flight=0')).client_gone, 1);
    await assert.rejects(clientOf(t).chatStream(hello, { signal: abort.signal }).next(), AbortError);
});

test('closing the client ends its streams', async (t) => {
    await server.ask('/_script', [slow]);
    const client = clientOf(t);
    const stream = client.chatStream(hello);
    await stream.next();
    client.close();
    await assert.rejects(stream.final(), { status: 'OAI_ERR_CANCELLED' });
    await assert.rejects(client.chatStream(hello).next(), { status: 'OAI_ERR_CLOSED' });
});

test('a stream that breaks says so, and keeps what came', async (t) => {
    const chunk = `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content: 'Half' } }] })}\n\n`;
    await server.ask('/_script', [{ status: 200, headers: { 'content-type': 'text/event-stream' }, chunks: [chunk] }]);
    const stream = clientOf(t).chatStream(hello);
    assert.equal(textIn((await stream.next()).value), 'Half');
    await assert.rejects(stream.next(), { status: 'OAI_ERR_INCOMPLETE' });
    await assert.rejects(stream.final(), { status: 'OAI_ERR_INCOMPLETE' });
    assert.match((await stream.partial()).text(), /Half/);
});

test('a slow reader stops the server', async (t) => {
    const chunk = `data: ${JSON.stringify({ choices: [{ delta: { content: 'x'.repeat(60_000) } }] })}\n\n`;
    await server.ask('/_script', [{ status: 200, headers: { 'content-type': 'text/event-stream' },
        chunks: [...Array(400).fill(chunk), 'data: [DONE]\n\n'] }]);
    const stream = clientOf(t, { streamBufferEvents: 2 }).chatStream(hello);
    await stream.next();
    // Were events taken without a reader, all 24 MB would leave the server.
    assert.equal((await server.ask('/_stats?in_flight=0&timeout_ms=300')).in_flight, 1);
    let events = 1;
    for await (const event of stream) if (event) events++;
    assert.equal(events, 400);
});

test('a stream is disposed of', { skip: !Symbol.asyncDispose && 'this Node has no asyncDispose' }, async (t) => {
    await server.ask('/_script', [slow]);
    const client = clientOf(t);
    const stream = client.chatStream(hello);
    await stream.next();
    await stream[Symbol.asyncDispose]();
    assert.ok((await stream.next()).done);
    await client[Symbol.asyncDispose]();
    await assert.rejects(client.models(), { status: 'OAI_ERR_CLOSED' });
});
