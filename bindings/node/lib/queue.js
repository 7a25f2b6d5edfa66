// This file is the completion queue of the library as the event loop sees it: a duplicate of its doorbell is a socket of
// Node's own, and events are taken in batches. core.js has one for all calls of a client, stream.js one for each stream,
// log.js one for the log.
'use strict';

const net = require('node:net');
const { lib, BATCH, RECORD, VIEW, word, out, outAt, at } = require('./native');
const { check, made } = require('./errors');

/** The kinds of events, OAI_EVENT_* of the header. */
const EVENT = { CHUNK: 1, DONE: 2, PROGRESS: 4, LOG: 8, TOKEN_WANTED: 16 };

/** What is read of doorbells, and never looked at. */
const RINGS = Buffer.allocUnsafeSlow(64);

/** Those that are not freed, for a worker that ends while its process goes on. */
const live = new Set();

class Queue {
    /**
     * `ring` is called once after the queue was found empty, when there is something again, and now and then for nothing.
     * It takes until nothing is left, or nobody rings again.
     */
    constructor(ring) {
        this.ring = ring;
        check(lib.queue_new(out[0], out[1]), 1);
        this.handle = word(outAt[0]);
        const fd = lib.queue_dup_fd(this.handle);
        if (fd < 0) {
            lib.queue_free(this.handle);
            throw made(fd, 'the completion queue has no descriptor; raise the limit of open files (ulimit -n)');
        }
        const callback = () => {
            this.ring();
            return true;
        };
        this.bell = new net.Socket({ fd, readable: true, writable: false, onread: { buffer: RINGS, callback } });
        // It ends when the queue is freed, of which nobody has to be told.
        this.bell.on('error', () => {});
        this.bell.unref();
        this.bell.resume();
        live.add(this);
    }

    /** Says whether the process stays alive for this queue. */
    hold(hold) {
        if (hold) this.bell.ref();
        else this.bell.unref();
    }

    /** Takes a batch of events, whose records (and, if asked for, views) are then in the arena. 0 if there are none, and
     * then the doorbell is armed. release() ends it. */
    take(max, withViews) {
        if (lib.queue_next(this.handle, max, out[0]) !== 0) return 0;
        this.batch = word(outAt[0]);
        if (this.batch === 0) return 0;
        lib.batch_records(this.batch, out[0], out[1]);
        const count = word(outAt[1]);
        this.records = word(outAt[0]);
        lib.copyTo(at.records, this.records, count * RECORD);
        if (withViews) {
            lib.batch_views(this.batch, out[0], out[1]);
            lib.copyTo(at.views, word(outAt[0]), count * VIEW);
        }
        return count;
    }

    /** Moves the response out of the record of that number; the caller frees it. */
    takeResponse(number) {
        return lib.record_take_response(this.records + number * RECORD);
    }

    release() {
        lib.batch_free(this.batch);
    }

    free() {
        live.delete(this);
        this.bell.destroy();
        lib.queue_free(this.handle);
    }
}

function freeQueues() {
    for (const queue of live) queue.free();
}

module.exports = { Queue, freeQueues, EVENT, BATCH };
