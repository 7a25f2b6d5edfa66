// This file is how calls reach the library and how their outcomes come back: by the completion queue of the client,
// whose doorbell the event loop reads. It does not know the Client, so that a client that is dropped without close() can be
// collected.
'use strict';

const { lib, words, signed, word, out, outAt, index, textOf } = require('./native');
const { CANCELLED, aborted, check, made, taken } = require('./errors');
const { Queue, EVENT, BATCH } = require('./queue');
const { failure } = require('./response');

const CLOSED = -303;
const DEADLINE = -301;

/** How many queues are kept for streams to come; each holds two descriptors. */
const IDLE_QUEUES = 64;

class Core {
    constructor(handle) {
        this.handle = handle; // 0 once it is freed
        this.calls = new Map(); // by tag
        this.lastTag = 0;
        this.queue = null; // made with the first call
        this.tokens = null; // the token provider in use
        this.idle = []; // queues of streams that have ended
        this.again = () => this.receive();
        this.onEnd = new Set(); // is told when a call or a stream has ended
    }

    /** The client's handle, unless it was closed. */
    use() {
        if (this.handle === 0) throw made(CLOSED, 'the client was closed');
        return this.handle;
    }

    close() {
        if (this.handle === 0) return;
        lib.client_free(this.handle);
        this.handle = 0;
        this.tokens?.end();
        // The outcomes of what was left are in the queue by now; the loop is told as ever, and frees the queue.
        for (const queue of this.idle.splice(0)) queue.free();
        if (this.queue !== null && this.calls.size === 0) this.end();
    }

    /** The queue of all but streams, which is made when it is first needed. */
    mainQueue() {
        if (this.queue === null) this.queue = new Queue(this.again);
        return this.queue;
    }

    end() {
        this.queue.free();
        this.queue = null;
    }

    /**
     * Makes a call. `submit(handle, queue, tag)` hands it to the library, which writes the id to out[0] and an error to
     * out[1]. `finish(view, response, take)` takes what the promise gives out of a response that went well.
     */
    call(options, submit, finish) {
        return new Promise((resolve, reject) => this.start(options, submit, finish, resolve, reject));
    }

    start(options, submit, finish, resolve, reject) {
        const signal = options?.signal;
        if (signal?.aborted) {
            reject(aborted(signal, 'the signal had fired before the request was sent'));
            return null;
        }
        const handle = this.use();
        const queue = this.mainQueue();
        const tag = ++this.lastTag;
        const status = submit(handle, queue.handle, tag);
        if (status !== 0) {
            reject(taken(status, 1));
            return null;
        }
        const id = word(outAt[0]);
        const call = { id, resolve, reject, finish, signal, onAbort: null, onProgress: options?.onProgress };
        if (signal) {
            call.onAbort = () => this.cancel(call.id);
            signal.addEventListener('abort', call.onAbort, { once: true });
        }
        this.calls.set(tag, call);
        if (this.calls.size === 1) this.queue.hold(true);
        return call;
    }

    /** Ends a request wherever it is; one that has ended by itself is left as it is. */
    cancel(id) {
        if (this.handle !== 0) lib.cancel(this.handle, id, 0);
    }

    /** Takes a batch of outcomes, and lets the loop run before the next. Finding nothing left arms the doorbell. */
    receive() {
        if (this.queue === null) return;
        const count = this.queue.take(BATCH, true);
        if (count === 0) return;
        for (let i = 0; i < count; i++) this.deliver(i);
        this.queue.release();
        setImmediate(this.again);
        if (this.calls.size === 0) {
            if (this.handle === 0) this.end();
            else this.queue.hold(false);
        }
        if (this.onEnd.size > 0) this.tellEnd();
    }

    deliver(number) {
        const record = index.records + number * 16;
        const tag = word(record + 2);
        const call = this.calls.get(tag);
        if (words[record + 4] === EVENT.DONE) {
            this.calls.delete(tag);
            this.finish(call, index.views + number * 28, word(record + 10), () => this.queue.takeResponse(number));
        } else if (words[record + 4] === EVENT.PROGRESS && call.onProgress) {
            const progress = JSON.parse(textOf(word(record + 6), word(record + 8)));
            // Not here: it may make calls of its own, which use the same arena.
            queueMicrotask(() => call.onProgress(progress));
        } else if (words[record + 4] === EVENT.TOKEN_WANTED && this.tokens !== null) {
            const [tokens, wanted] = [this.tokens, word(record)];
            queueMicrotask(() => tokens.answer(wanted));
        }
    }

    finish(call, view, response, take) {
        if (call.onAbort !== null) call.signal.removeEventListener('abort', call.onAbort);
        try {
            if (signed[view + 2] === 0) call.resolve(call.finish(view, response, take));
            else call.reject(failureOf(view, call.signal));
        } catch (error) {
            call.reject(error);
        }
    }

    /** Takes no more requests, and waits until those under way have ended; for so long at most. */
    async drain(timeoutMs) {
        const over = performance.now() + timeoutMs;
        for (;;) {
            const status = lib.client_close(this.use(), 0, out[1]);
            if (status === 0) return;
            const error = taken(status, 1);
            if (status !== DEADLINE) throw error;
            const left = over - performance.now();
            if (left <= 0) throw made(DEADLINE, `the client still had requests after ${timeoutMs} ms; they go on`);
            await this.nextEnd(left);
        }
    }

    /** Resolves when a call or a stream has ended, at the latest after so many milliseconds. */
    nextEnd(limit) {
        return new Promise((resolve) => {
            const timer = limit <= 0x7fffffff ? setTimeout(done, limit) : undefined;
            const told = this.onEnd;
            told.add(done);
            function done() {
                clearTimeout(timer);
                told.delete(done);
                resolve();
            }
        });
    }

    tellEnd() {
        for (const tell of [...this.onEnd]) tell();
    }

    /** A queue for one stream. */
    streamQueue(ring) {
        const queue = this.idle.pop() ?? new Queue(() => {});
        queue.ring = ring;
        return queue;
    }

    /** Takes back the queue of a stream that has ended. */
    returnQueue(queue) {
        queue.hold(false);
        if (this.handle !== 0 && this.idle.length < IDLE_QUEUES) this.idle.push(queue);
        else queue.free();
    }
}

/** The error of a response that a signal may have ended. */
function failureOf(view, signal) {
    const byProgram = signal?.aborted && signed[view + 2] === CANCELLED;
    return failure(view, byProgram ? signal.reason : undefined);
}

module.exports = { Core, failureOf };
