// This file is the completion queue of the library as the event loop sees it: its doorbell is polled, and events are
// taken in batches. core.js has one for all calls of a client, stream.js one for each stream, log.js one for the log.
'use strict';

const fs = require('node:fs');
const { lib, koffi, BATCH, RECORD, VIEW, word, out, outAt, at } = require('./native');
const { check, made } = require('./errors');

/** The kinds of events, OAI_EVENT_* of the header. */
const EVENT = { CHUNK: 1, DONE: 2, PROGRESS: 4, LOG: 8 };

class Queue {
    /** `ring` is called when there may be something to take. It then takes until nothing is left, or sleeps. */
    constructor(ring) {
        this.ring = ring;
        check(lib.queue_new(out[0], out[1]), 1);
        this.handle = word(outAt[0]);
        this.fd = lib.queue_dup_fd(this.handle);
        if (this.fd < 0) {
            lib.queue_free(this.handle);
            throw made(this.fd, 'the completion queue has no descriptor; raise the limit of open files (ulimit -n)');
        }
        this.polled = false;
        this.poll = null;
    }

    /** Lets the doorbell ring; `hold` says whether the process stays alive for it. */
    listen(hold) {
        if (!this.polled) {
            this.polled = true;
            const ring = () => this.ring();
            if (this.poll === null) this.poll = koffi.node.poll(this.fd, { readable: true }, ring);
            else this.poll.start({ readable: true }, ring);
        }
        this.hold(hold);
    }

    hold(hold) {
        if (hold) this.poll.ref();
        else this.poll.unref();
    }

    /** No more rings until listen(). */
    sleep() {
        if (this.polled) this.poll.stop();
        this.polled = false;
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
        if (this.poll !== null) this.poll.close();
        fs.closeSync(this.fd);
        lib.queue_free(this.handle);
    }
}

module.exports = { Queue, EVENT, BATCH };
