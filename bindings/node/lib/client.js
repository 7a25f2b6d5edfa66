// This file is the client: how it begins, its calls, what it is set to, and how it ends. Each short form is a line or
// two over the general request.
'use strict';

const { isMainThread } = require('node:worker_threads');
const { lib, load, word, out, outAt, takeText } = require('./native');
const { Core } = require('./core');
const { check, made } = require('./errors');
const { settingsJSON, camel, renamed } = require('./options');
const { withRequest, pack, bufferOf, INVALID_ARGUMENT } = require('./request');
const { copyResponse, takeEmbeddings } = require('./response');
const { freeQueues } = require('./queue');
const { Stream } = require('./stream');
const { pages } = require('./pages');
const { waitUntil, runBatch, uploadInParts } = require('./sequence');
const { setProvider } = require('./tokens');
const { signedOf } = require('./webhook');

/** Closes clients that were dropped without close(). */
const dropped = new FinalizationRegistry(closeCore);

/** Those that are open, for a worker that ends while its process goes on. */
const open = new Set();
if (!isMainThread) {
    process.once('exit', () => {
        open.forEach((core) => core.close());
        freeQueues();
    });
}

function closeCore(core) {
    open.delete(core);
    core.close();
}

/** What of an embed call's options needs a request beside it. */
const EMBED_OPTIONS = ['dimensions', 'user', 'priority', 'timeoutMs', 'idempotencyKey', 'headers', 'query'];

class Client {
    #core;

    constructor({ tokenProvider, ...options } = {}) {
        load();
        const settings = settingsJSON(options);
        check(lib.client_new(settings, settings.length, out[0], out[1]), 1);
        this.#core = new Core(word(outAt[0]));
        try {
            setProvider(this.#core, tokenProvider);
        } catch (error) {
            this.#core.close();
            throw error;
        }
        open.add(this.#core);
        dropped.register(this, this.#core, this.#core);
    }

    // ===== calls =====

    async request(request) {
        return this.#core.call(request, (client, queue, tag) => withRequest(request,
            (native) => lib.submit_to(client, native, queue, tag, out[0], out[1])), copyResponse);
    }

    embed(model, input, options) {
        return this.#core.call(options, (client, queue, tag) => {
            const texts = typeof input === 'string' ? [input] : input;
            if (!Array.isArray(texts) || texts.length === 0) {
                throw made(INVALID_ARGUMENT, 'there is nothing to embed: give a text, or an array of at least one');
            }
            const { packed, lengths } = pack(texts);
            const embed = (request) => lib.embed_to(client, model, packed, lengths, texts.length, request, queue, tag,
                out[0], out[1]);
            if (!options || !EMBED_OPTIONS.some((name) => options[name] !== undefined)) return embed(0);
            return withRequest({ ...options, method: 'POST', path: '/embeddings', onProgress: undefined }, embed);
        }, takeEmbeddings);
    }

    stream(request) {
        return new Stream(this.#core, request);
    }

    chat(body, options) { return this.request(post('/chat/completions', body, options)); }
    chatStream(body, options) { return this.stream(post('/chat/completions', body, options)); }
    responses(body, options) { return this.request(post('/responses', body, options)); }
    responsesStream(body, options) { return this.stream(post('/responses', body, options)); }
    completionsStream(body, options) { return this.stream(post('/completions', body, options)); }
    completions(body, options) { return this.request(post('/completions', body, options)); }
    moderate(body, options) { return this.request(post('/moderations', body, options)); }
    models(options) { return this.request({ ...options, method: 'GET', path: '/models' }); }
    image(body, options) { return this.request(post('/images/generations', body, options)); }
    speech(body, options) { return this.request(post('/audio/speech', body, options)); }

    imageEdit(image, body, options) { return this.request(postFile('/images/edits', 'image', image, body, options)); }
    transcribe(sound, body, options) {
        return this.request(postFile('/audio/transcriptions', 'file', sound, body, options));
    }
    translate(sound, body, options) {
        return this.request(postFile('/audio/translations', 'file', sound, body, options));
    }
    upload(file, purpose, options) { return this.request(postFile('/files', 'file', file, { purpose }, options)); }
    download(id, options) {
        return this.request({ ...options, method: 'GET', path: `/files/${encodeURIComponent(id)}/content` });
    }

    pages(request) { return pages(this.#core, request); }

    async *items(request) {
        for await (const page of this.pages(request)) yield* page.json().data ?? [];
    }

    async waitUntil(path, options) { return waitUntil(this.#core, path, options); }
    async runBatch(body, options) { return runBatch(this.#core, body, options); }
    async uploadInParts(path, body, options) { return uploadInParts(this.#core, path, body, options); }

    // ===== settings and statistics =====

    configure({ tokenProvider, ...options }) {
        const settings = settingsJSON(options);
        check(lib.client_configure_json(this.#core.use(), settings, settings.length, out[1]), 1);
        setProvider(this.#core, tokenProvider);
    }

    config() {
        return renamed(JSON.parse(this.#text(lib.client_config_json)), camel);
    }

    stats() {
        return JSON.parse(this.#text(lib.client_stats_json));
    }

    prometheus() {
        return this.#text(lib.client_stats_prometheus);
    }

    /** Calls one of the functions that hand over a text about the client. */
    #text(tell) {
        check(tell(this.#core.use(), out[0], out[1], out[2]), 2);
        return takeText().toString();
    }

    verifyWebhook(body, headers, { toleranceMs = 0 } = {}) {
        const bytes = bufferOf(body);
        const { id, timestamp, signature } = signedOf(headers);
        const client = this.#core.use();
        check(lib.webhook_verify(client, bytes, bytes.length, id, timestamp, signature, toleranceMs, out[1]), 1);
    }

    // ===== the end =====

    async drain(timeoutMs = Infinity) {
        await this.#core.drain(timeoutMs);
    }

    async shutdown(timeoutMs = Infinity) {
        try {
            await this.#core.drain(timeoutMs);
        } finally {
            this.close();
        }
    }

    close() {
        dropped.unregister(this.#core);
        closeCore(this.#core);
    }
}

// Older versions of Node have no such symbol.
if (Symbol.asyncDispose) {
    Client.prototype[Symbol.asyncDispose] = async function () {
        this.close();
    };
}

function post(path, body, options) {
    return { ...options, method: 'POST', path, body };
}

function postFile(path, field, file, fields, options) {
    return { ...options, method: 'POST', path, fields, files: [{ ...file, field }] };
}

module.exports = { Client };
