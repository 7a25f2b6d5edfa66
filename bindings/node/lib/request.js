// This file puts requests together in C. core.js submits them.
'use strict';

const { lib, word, out, outAt } = require('./native');
const { check, made } = require('./errors');

const PRIORITIES = { high: 0, normal: 1, low: 2 };
const INVALID_ARGUMENT = -1;

/** Makes the request of the library, hands it to `use`, and frees it; what was submitted from it goes on. */
function withRequest(request, use) {
    const native = build(request);
    try {
        return use(native);
    } finally {
        lib.request_free(native);
    }
}

/** Makes the request of the library, which the caller frees. */
function build(request) {
    check(lib.request_new(request.method, request.path, out[0], out[1]), 1);
    const native = word(outAt[0]);
    try {
        fill(native, request);
    } catch (error) {
        lib.request_free(native);
        throw error;
    }
    return native;
}

function fill(native, request) {
    const set = (what, status) => {
        if (status === 0) return;
        throw made(status, `${what} of ${request.method} ${request.path} cannot be sent; the log says why`);
    };
    for (const [name, value] of pairs(request.query)) {
        set(`the query parameter ${name}`, lib.request_add_query(native, name, String(value)));
    }
    for (const [name, value] of pairs(request.headers)) {
        set(`the header ${name}`, lib.request_set_header(native, name, String(value)));
    }
    if (request.body !== undefined && request.body !== null) {
        const json = bufferOf(typeof request.body === 'object' && !ArrayBuffer.isView(request.body)
            ? JSON.stringify(request.body) : request.body);
        set('the JSON', lib.request_set_json(native, json, json.length));
    }
    for (const [name, value] of pairs(request.fields)) {
        const bytes = bufferOf(String(value));
        set(`the field ${name}`, lib.request_add_field(native, name, bytes, bytes.length));
    }
    for (const file of request.files ?? []) set(`the file ${file.filename ?? file.path}`, addFile(native, file));
    if (request.outputPath !== undefined) {
        set('the output path', lib.request_set_output_path(native, request.outputPath));
    }
    if (request.outputFd !== undefined) set('the output fd', lib.request_set_output_fd(native, request.outputFd));
    if (request.dimensions) set('the number of dimensions', lib.request_set_dimensions(native, request.dimensions));
    if (request.user) set('the user', lib.request_set_user(native, request.user));
    if (request.priority !== undefined) set('the priority', setPriority(native, request.priority));
    if (request.timeoutMs !== undefined) {
        set('the timeout', lib.request_set_timeout_ms(native, Math.ceil(request.timeoutMs)));
    }
    if (request.idempotencyKey) {
        set('the idempotency key', lib.request_set_idempotency_key(native, request.idempotencyKey));
    }
    if (request.onProgress) set('progress', lib.request_set_progress(native, 1));
    if (request.stream) set('the stream', lib.request_set_stream(native, 1));
}

function setPriority(native, name) {
    if (!Object.hasOwn(PRIORITIES, name)) {
        throw made(INVALID_ARGUMENT, `the priority is ${JSON.stringify(name)}, and is one of high, normal and low`);
    }
    return lib.request_set_priority(native, PRIORITIES[name]);
}

function addFile(native, file) {
    const [filename, type] = [file.filename ?? null, file.contentType ?? null];
    if (file.path !== undefined) return lib.request_add_file_path(native, file.field, file.path, filename, type);
    const content = bufferOf(file.content);
    return lib.request_add_file(native, file.field, filename, type, content, content.length);
}

/** Names and values of an object, a Map, a URLSearchParams or Headers; an array stands for several values. */
function* pairs(given) {
    if (given === undefined || given === null) return;
    for (const [name, value] of typeof given[Symbol.iterator] === 'function' ? given : Object.entries(given)) {
        if (Array.isArray(value)) for (const one of value) yield [name, one];
        else if (value !== undefined) yield [name, value];
    }
}

/** A text's bytes, or bytes without a copy. */
function bufferOf(content) {
    if (typeof content === 'string') return Buffer.from(content);
    if (content instanceof ArrayBuffer) return Buffer.from(content);
    if (ArrayBuffer.isView(content)) return Buffer.from(content.buffer, content.byteOffset, content.byteLength);
    throw made(INVALID_ARGUMENT, `a ${typeof content} was given where a text or bytes are needed`);
}

// ===== the texts of an embed call =====

let packed = Buffer.allocUnsafeSlow(64 * 1024);
let lengths = new Uint32Array(2 * 256);

/** Writes texts one behind the other into a buffer that the next call overwrites: C copies them meanwhile. */
function pack(texts) {
    let most = 0;
    for (const text of texts) {
        if (typeof text !== 'string') throw made(INVALID_ARGUMENT, `an input is a ${typeof text}, and must be a text`);
        most += text.length * 3;
    }
    if (most > packed.length) packed = Buffer.allocUnsafeSlow(Math.max(most, 2 * packed.length));
    // The lengths are size_t: 64 bits, of which the upper half stays 0.
    if (2 * texts.length > lengths.length) lengths = new Uint32Array(4 * texts.length);
    let at = 0;
    for (let i = 0; i < texts.length; i++) {
        const length = packed.utf8Write(texts[i], at);
        lengths[2 * i] = length;
        at += length;
    }
    return { packed, lengths };
}

module.exports = { build, withRequest, pack, bufferOf, INVALID_ARGUMENT };
