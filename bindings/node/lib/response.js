// This file turns responses of C into objects of JavaScript. Of the view whose index in the arena it is given it copies
// all but large matrices, which stay where they are until nobody uses them any more.
'use strict';

const { markAsUntransferable } = require('node:worker_threads');
const { lib, words, signed, word, out, outAt, at, index, text, bytes, memory } = require('./native');
const { copyError, made } = require('./errors');

const DECODE_FAILED = -107;

/** From this size on the vectors are not copied: below it a copy is cheaper than a finalizer. */
const LARGE = 128 * 1024;

/** Frees responses whose vectors nobody uses any more. */
const responses = new FinalizationRegistry((response) => lib.response_free(response));

/** The view of one response that has no batch. */
function viewOf(response) {
    lib.response_get_view(response, at.oneView);
    return index.oneView;
}

/** The error of a response, null if it went well. */
function failure(view, cause) {
    const error = word(view + 18);
    return error === 0 ? null : copyError(error, words[view + 4], cause, bytes(word(view + 6), word(view + 8)));
}

/** The answer to a call that went well. */
class Response {
    constructor(fields) {
        this.httpStatus = fields.httpStatus;
        this.headers = fields.headers;
        this.body = fields.body;
        this.requestId = fields.requestId;
        this.attempts = fields.attempts;
        this.usage = fields.usage;
        this.fallback = fields.fallback;
    }

    /** The body as text. */
    text() {
        return this.body.toString();
    }

    /** The body's JSON, parsed. */
    json() {
        return JSON.parse(this.body.toString());
    }
}

/** Copies a response. */
function copyResponse(view, response) {
    return new Response({
        httpStatus: signed[view + 3],
        headers: copyHeaders(response, words[view + 5]),
        body: bytes(word(view + 6), word(view + 8)),
        requestId: text(word(view + 16)) || null,
        attempts: words[view + 4],
        usage: copyUsage(response),
        fallback: lib.response_fallback(response),
    });
}

function copyHeaders(response, count) {
    const headers = Object.create(null);
    for (let i = 0; i < count; i++) {
        lib.response_header_at(response, i, out[0], out[1]);
        const name = text(word(outAt[0])).toLowerCase();
        const value = text(word(outAt[1]));
        headers[name] = name in headers ? `${headers[name]}, ${value}` : value;
    }
    return headers;
}

function copyUsage(response) {
    lib.response_usage(response, out[0], out[1], out[2]);
    return { promptTokens: word(outAt[0]), completionTokens: word(outAt[1]), totalTokens: word(outAt[2]) };
}

/** The vectors of an embed call: a row-major matrix with one row for each input, in their order. */
class Embeddings {
    constructor(data, rows, dims, view, response) {
        this.data = data;
        this.rows = rows;
        this.dims = dims;
        this.httpStatus = signed[view + 3];
        this.attempts = words[view + 4];
        this.requestId = text(word(view + 16)) || null;
        this.usage = copyUsage(response);
    }

    /** The vector of input i, without a copy. */
    row(i) {
        if (!(i >= 0 && i < this.rows)) throw new RangeError(`there is no row ${i}: there are ${this.rows}`);
        return this.data.subarray(i * this.dims, (i + 1) * this.dims);
    }

    /** The vectors one after the other. */
    *[Symbol.iterator]() {
        for (let i = 0; i < this.rows; i++) yield this.row(i);
    }
}

/** Takes the vectors out of a response; `take` moves it out of its batch. */
function takeEmbeddings(view, response, take) {
    const address = word(view + 10);
    if (address === 0) throw made(DECODE_FAILED, 'the answer holds no vectors', { attempts: words[view + 4] });
    const [rows, dims] = [word(view + 12), word(view + 14)];
    const size = rows * dims * 4;
    if (size < LARGE) {
        const data = new Float32Array(rows * dims);
        lib.copy(data, address, size);
        return new Embeddings(data, rows, dims, view, response);
    }
    const buffer = memory(address, size);
    const vectors = new Embeddings(new Float32Array(buffer), rows, dims, view, response);
    // Moved to another thread it would outlive its memory; postMessage copies it instead.
    markAsUntransferable(buffer);
    responses.register(buffer, take());
    return vectors;
}

module.exports = { Response, Embeddings, viewOf, failure, copyResponse, takeEmbeddings };
