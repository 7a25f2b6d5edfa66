// This file is streams. Each has a completion queue of its own, which is read when its reader wants an event: a slow
// reader leaves events in the library, which then no longer reads the socket.
'use strict';

const { lib, words, signed, word, out, outAt, index, textOf, takeText } = require('./native');
const { aborted, check, taken } = require('./errors');
const { EVENT } = require('./queue');
const { withRequest } = require('./request');
const { Response, copyResponse } = require('./response');
const { failureOf } = require('./core');

/** How many events are taken at once: no more than a reader soon reads, or the library could not slow the server. */
const AT_ONCE = 64;

class Stream {
    #core;
    #queue = null;
    #id = 0;
    #signal;
    #onAbort = null;
    #ready = []; // events that were taken and not read: their JSON
    #next = 0; // which of them is read next
    #received = []; // all that were read, or came and nobody wanted: for the whole
    #waiting = null; // the reader, when it waits: { resolve, reject }
    #error = null;
    #answer = null;
    #over = false; // the terminal event has come
    #closed = false; // by its reader, who wants no more
    #onEnded = () => {};

    constructor(core, request) {
        this.#core = core;
        this.#signal = request.signal;
        try {
            this.#begin(request);
        } catch (error) {
            // Told to the reader, as everything else that goes wrong.
            this.#error = error;
            this.#over = true;
        }
    }

    #begin(request) {
        const signal = this.#signal;
        if (signal?.aborted) throw aborted(signal, 'the signal had fired before the request was sent');
        const client = this.#core.use();
        const queue = this.#core.streamQueue(() => this.#ring());
        try {
            withRequest({ ...request, stream: true }, (native) => {
                const status = lib.submit_to(client, native, queue.handle, 0, out[0], out[1]);
                if (status !== 0) throw taken(status, 1);
                this.#id = word(outAt[0]);
            });
        } catch (error) {
            this.#core.returnQueue(queue);
            throw error;
        }
        this.#queue = queue;
        if (signal) {
            this.#onAbort = () => this.#core.cancel(this.#id);
            signal.addEventListener('abort', this.#onAbort, { once: true });
        }
    }

    /** The next event as the iterator protocol has it. */
    next() {
        if (this.#waiting !== null) {
            const again = () => this.next();
            return this.#waiting.promise.then(again, again);
        }
        if (this.#closed) return Promise.resolve({ value: undefined, done: true });
        this.#fill();
        if (this.#next < this.#ready.length) return Promise.resolve({ value: this.#read(), done: false });
        if (!this.#over) return this.#wait();
        return this.#error ? Promise.reject(this.#error) : Promise.resolve({ value: undefined, done: true });
    }

    /** Ends the stream if it has not ended: the connection is dropped at once. */
    close() {
        this.#closed = true;
        if (this.#over) return;
        this.#core.cancel(this.#id);
        if (this.#waiting === null) this.#ring();
    }

    /** What `for await` calls when its loop is left early. */
    return() {
        this.close();
        return Promise.resolve({ value: undefined, done: true });
    }

    /**
     * Reads what is left and gives the whole as the call would have given it without streaming. Of a stream that was
     * closed that is the whole too if the server had told it to its end by then; else it throws.
     */
    async final() {
        await this.#toEnd();
        if (this.#error) throw this.#error;
        return this.#whole();
    }

    /** What final() would give of a stream that broke off: as much as came. */
    async partial() {
        await this.#toEnd();
        return this.#whole();
    }

    /** The pieces of text one after the other, without the rest of the events. */
    async *texts() {
        for await (const event of this) {
            const text = textIn(event);
            if (text !== '') yield text;
        }
    }

    [Symbol.asyncIterator]() {
        return this;
    }

    async #toEnd() {
        while (!this.#over) {
            if (this.#closed) await this.#ended();
            else if ((await this.next()).done) return;
        }
        // An error is for the caller to tell; what was taken and not read belongs to the whole.
        this.#keep();
    }

    /** Keeps what was taken and not read for the whole, which would otherwise lack it of a stream that was left early. */
    #keep() {
        while (this.#next < this.#ready.length) this.#received.push(this.#ready[this.#next++]);
    }

    /** Resolves when a stream that was closed has ended. */
    #ended() {
        return new Promise((resolve) => { this.#onEnded = resolve; });
    }

    #whole() {
        check(lib.fold_new(out[0], out[1]), 1);
        const fold = word(outAt[0]);
        try {
            for (const json of this.#received) {
                const bytes = Buffer.from(json);
                // An event that is not of the stream's kind is left out; what is wrong with a stream its end has said.
                lib.fold_push(fold, bytes, bytes.length, 0);
            }
            check(lib.fold_finish(fold, out[0], out[1], out[2]), 2);
            return new Response({ ...this.#answer, body: takeText() });
        } finally {
            lib.fold_free(fold);
        }
    }

    #wait() {
        const waiting = this.#waiting = {};
        waiting.promise = new Promise((resolve, reject) => {
            waiting.resolve = resolve;
            waiting.reject = reject;
        });
        this.#queue.hold(true);
        return waiting.promise;
    }

    #read() {
        const json = this.#ready[this.#next++];
        this.#received.push(json);
        return JSON.parse(json);
    }

    /** Sees to it that something is ready, unless nothing has come: then the doorbell is armed. */
    #fill() {
        while (this.#next === this.#ready.length && !this.#over && this.#take() !== 0);
    }

    /** Takes what has come, and says how many events that were. */
    #take() {
        const count = this.#queue.take(AT_ONCE, true);
        if (count === 0) return 0;
        this.#keep();
        this.#ready.length = this.#next = 0;
        for (let i = 0, record = index.records; i < count; i++, record += 16) {
            if (words[record + 4] === EVENT.CHUNK) this.#ready.push(textOf(word(record + 6), word(record + 8)));
            else if (words[record + 4] === EVENT.DONE) this.#end(index.views + i * 28, word(record + 10));
        }
        this.#queue.release();
        if (this.#over) this.#leave();
        return count;
    }

    #end(view, response) {
        this.#over = true;
        if (signed[view + 2] === 0) this.#answer = copyResponse(view, response);
        else this.#error = failureOf(view, this.#signal);
    }

    #leave() {
        if (this.#onAbort !== null) this.#signal.removeEventListener('abort', this.#onAbort);
        // Empty it, which arms its doorbell, before another stream has it.
        while (this.#queue.take(AT_ONCE, false) !== 0) this.#queue.release();
        this.#core.returnQueue(this.#queue);
        this.#queue = null;
        this.#onEnded();
        if (this.#core.onEnd.size > 0) this.#core.tellEnd();
    }

    #ring() {
        const waiting = this.#waiting;
        // Nobody waits: what has come stays in the library.
        if (this.#over || (waiting === null && !this.#closed)) return;
        if (this.#closed) {
            // Its end is on its way.
            while (!this.#over && this.#take() !== 0);
            if (!this.#over) this.#queue.hold(true);
        } else this.#fill();
        if (waiting === null || (this.#next === this.#ready.length && !this.#over)) return;
        this.#waiting = null;
        if (this.#queue !== null) this.#queue.hold(false);
        this.next().then(waiting.resolve, waiting.reject);
    }
}

/** The piece of text that an event adds to the answer, in streams of chat, completions and responses; '' for others. */
function textIn(event) {
    if (event?.type === 'response.output_text.delta' && typeof event.delta === 'string') return event.delta;
    let text = '';
    for (const choice of Array.isArray(event?.choices) ? event.choices : []) {
        text += choice.text ?? choice.delta?.content ?? '';
    }
    return text;
}

if (Symbol.asyncDispose) {
    Stream.prototype[Symbol.asyncDispose] = async function () {
        this.close();
    };
}

module.exports = { Stream, textIn };
