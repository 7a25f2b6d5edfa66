// This file turns the library's errors into JavaScript's. It decides nothing.
'use strict';

const { lib, load, words, signed, word, outAt, at, index, text } = require('./native');

/** What went wrong with a call. The classes below say it more closely, for instanceof. */
class OaicError extends Error {
    constructor(fields) {
        super(fields.message, fields.cause === undefined ? undefined : { cause: fields.cause });
        this.status = fields.status;
        this.statusNumber = fields.statusNumber;
        this.httpStatus = fields.httpStatus ?? 0;
        this.code = fields.code ?? null;
        this.type = fields.type ?? null;
        this.param = fields.param ?? null;
        this.requestId = fields.requestId ?? null;
        this.retryAfterMs = fields.retryAfterMs ?? 0;
        this.attempts = fields.attempts ?? 0;
        this.mayHaveExecuted = fields.mayHaveExecuted ?? false;
        this.body = fields.body ?? null;
    }
}

/** The server could not be reached, or the connection broke. */
class ConnectionError extends OaicError {}
/** It took longer than it may: an attempt, a silence, or the request as a whole. */
class TimeoutError extends OaicError {}
/** The server answered, and its answer was no. */
class ApiError extends OaicError {}
/** The key is missing, wrong, or not allowed to do this. */
class AuthenticationError extends ApiError {}
/** Too many requests or tokens, or the account is empty. */
class RateLimitError extends ApiError {}
/** The queue is full, or the client was closed: the request was not sent. */
class RefusedError extends OaicError {}
/** The request was cancelled, by its signal or by closing the client. */
class AbortError extends OaicError {}

for (const kind of [OaicError, ConnectionError, TimeoutError, ApiError, AuthenticationError, RateLimitError,
    RefusedError, AbortError]) {
    Object.defineProperty(kind.prototype, 'name', { value: kind.name, configurable: true, writable: true });
}

// The numbers are those of the C library and never change.
const CANCELLED = -302;
const CLASSES = new Map([
    [-5, AuthenticationError], [-202, AuthenticationError], [-203, AuthenticationError],
    [-207, RateLimitError], [-208, RateLimitError],
    [-102, TimeoutError], [-110, TimeoutError], [-301, TimeoutError],
    [CANCELLED, AbortError], [-300, RefusedError], [-303, RefusedError], [-401, RefusedError],
]);

function classOf(number) {
    if (CLASSES.has(number)) return CLASSES.get(number);
    if (number <= -200 && number > -300) return ApiError;
    if (number <= -100 && number > -200) return ConnectionError;
    return OaicError;
}

const names = new Map();

/** The name of a status, such as 'OAI_ERR_RATE_LIMITED'. */
function statusName(number) {
    if (!names.has(number)) {
        load();
        names.set(number, text(lib.status_name(number)));
    }
    return names.get(number);
}

/** An error of this package's own words. */
function made(number, message, more) {
    return new (classOf(number))({ status: statusName(number), statusNumber: number, message, ...more });
}

const orNull = (address) => (address === 0 ? null : text(address));

/** Copies an error that C owns. */
function copyError(address, attempts, cause, body) {
    lib.error_get_view(address, at.error);
    const i = index.error;
    const number = signed[i];
    return made(number, text(word(i + 6)), {
        cause,
        attempts,
        body,
        httpStatus: signed[i + 1],
        retryAfterMs: word(i + 2),
        mayHaveExecuted: words[i + 4] !== 0,
        type: orNull(word(i + 8)),
        code: orNull(word(i + 10)),
        param: orNull(word(i + 12)),
        requestId: orNull(word(i + 14)),
    });
}

/** Throws what a call returned and wrote to its out-parameter of that number, unless it went well. */
function check(status, slot) {
    if (status !== 0) throw taken(status, slot);
}

/** The error of a call that returned `status`, which is freed. */
function taken(status, slot) {
    const address = word(outAt[slot]);
    if (address === 0) return made(status, statusName(status));
    const error = copyError(address, 0);
    lib.error_free(address);
    return error;
}

/** The error of a call whose signal has fired. */
function aborted(signal, message) {
    return made(CANCELLED, message, { cause: signal.reason });
}

module.exports = {
    OaicError, ConnectionError, TimeoutError, ApiError, AuthenticationError, RateLimitError, RefusedError, AbortError,
    CANCELLED, made, copyError, check, taken, aborted,
};
