// This file makes the calls of the behaviour suite and tells their outcomes in its words; behaviour.js runs the cases.
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { OaicError } = require('oaic');

/** Makes a call and gives its outcome. `told` has a signal, and is told of each chunk. */
async function makeCall(client, folder, given, told) {
    const { op, ...rest } = given;
    const take = (key) => {
        const value = rest[key];
        delete rest[key];
        return value;
    };
    const options = { signal: told.signal };
    for (const [key, name] of [['priority', 'priority'], ['timeout_ms', 'timeoutMs'], ['idempotency_key', 'idempotencyKey']]) {
        if (key in rest) options[name] = take(key);
    }
    const cancelAfter = take('cancel_after');
    // All is taken before anything is sent, so that a key that is not known is found.
    const send = prepare(client, folder, op, take, options, (stream) => readStream(stream, cancelAfter, told));
    if (Object.keys(rest).length > 0) throw new Error(`the call ${op} has keys that are not known: ${Object.keys(rest)}`);
    return send();
}

function prepare(client, folder, op, take, options, read) {
    const of = (send) => () => answered(send);
    switch (op) {
        case 'embed': {
            const [model, inputs] = [take('model'), take('inputs')];
            const more = { ...options, dimensions: take('dimensions'), user: take('user') };
            return () => vectors(() => client.embed(model, inputs, more));
        }
        case 'chat': case 'responses': case 'completions': {
            const json = take('json');
            return of(() => client[op](json, options));
        }
        case 'chat_stream': case 'responses_stream': {
            const json = take('json');
            return () => read(op === 'chat_stream' ? client.chatStream(json, options) : client.responsesStream(json, options));
        }
        case 'moderate': {
            const body = { input: take('input'), model: take('model') };
            return of(() => client.moderate(body, options));
        }
        case 'models': return of(() => client.models(options));
        case 'upload': {
            const file = { filename: take('filename'), content: take('content') };
            const { purpose, ...fields } = take('json');
            return of(() => client.upload(file, purpose, { ...options, fields }));
        }
        case 'download': {
            const [id, to] = [take('file_id'), take('to')];
            if (to === undefined) return of(() => client.download(id, options));
            const outputPath = path.join(folder, to);
            return async () => {
                const outcome = await answered(() => client.download(id, { ...options, outputPath }));
                outcome.file = fs.existsSync(outputPath) ? fs.readFileSync(outputPath, 'utf8') : null;
                return outcome;
            };
        }
        case 'pages': {
            const request = { ...options, method: 'GET', path: take('path'), query: take('query') };
            return () => readPages(client, request);
        }
        case 'request': {
            const request = { ...options, method: take('method'), path: take('path'), query: take('query'),
                headers: take('headers'), body: take('json') };
            return take('stream') ? () => read(client.stream(request)) : of(() => client.request(request));
        }
        default: throw new Error(`there is no call ${op}`);
    }
}

async function readStream(stream, cancelAfter, told) {
    let chunks = 0;
    try {
        for await (const event of stream) {
            if (event === undefined) throw new Error('an event is undefined');
            told.chunk(++chunks);
            if (chunks === cancelAfter) break;
        }
    } catch (error) {
        if (!(error instanceof OaicError)) throw error;
    }
    const outcome = await answered(() => stream.final());
    if (outcome.status !== 'OAI_OK') outcome.text = textOf((await stream.partial().catch(() => null))?.text());
    return { ...outcome, chunks };
}

async function readPages(client, request) {
    let pages = 0;
    const ids = [];
    const outcome = await attempt(async () => {
        for await (const page of client.pages(request)) {
            pages++;
            ids.push(...page.json().data.map((item) => item.id));
        }
    });
    return { ...outcome, pages, ids };
}

// ===== outcomes =====

/** What came of something that gives nothing. */
async function attempt(act) {
    try {
        await act();
        return { status: 'OAI_OK', error: null };
    } catch (error) {
        return failed(error);
    }
}

function failed(error) {
    if (!(error instanceof OaicError)) throw error;
    return {
        status: error.status, http_status: error.httpStatus, attempts: error.attempts, request_id: error.requestId,
        error: {
            http_status: error.httpStatus, code: error.code, type: error.type, param: error.param, message: error.message,
            request_id: error.requestId, retry_after_ms: error.retryAfterMs, may_have_executed: error.mayHaveExecuted,
        },
    };
}

async function answered(send) {
    let answer;
    const outcome = await attempt(async () => { answer = await send(); });
    if (answer === undefined) return outcome;
    const text = answer.text();
    return { ...outcome, ...common(answer), headers: answer.headers, body: bodyOf(text), text: textOf(text) };
}

async function vectors(send) {
    let made;
    const outcome = await attempt(async () => { made = await send(); });
    if (made === undefined) return outcome;
    const few = made.data.length <= 64 ? { vectors: [...made].map((row) => [...row]) } : {};
    return { ...outcome, ...common(made), rows: made.rows, dims: made.dims, ...few };
}

function common(answer) {
    const usage = answer.usage && { prompt_tokens: answer.usage.promptTokens,
        completion_tokens: answer.usage.completionTokens, total_tokens: answer.usage.totalTokens };
    return { http_status: answer.httpStatus, attempts: answer.attempts, request_id: answer.requestId, usage };
}

function bodyOf(text) {
    try {
        return JSON.parse(text);
    } catch {
        return text === '' ? null : text;
    }
}

/** The text of an answer of chat, completions or responses; null if there is none. */
function textOf(body) {
    const answer = bodyOf(body ?? '');
    if (answer?.choices?.length > 0) return answer.choices[0].message?.content ?? answer.choices[0].text ?? null;
    const parts = (answer?.output ?? []).flatMap((output) => output.content ?? [])
        .filter((content) => content.type === 'output_text').map((content) => content.text);
    return parts.length > 0 ? parts.join('') : null;
}

module.exports = { makeCall, attempt };
