// This file hands the log of the library, which is one for the whole process, to a function.
'use strict';

const { lib, load, words, word, out, index, textOf } = require('./native');
const { check, made } = require('./errors');
const { Queue, EVENT, BATCH } = require('./queue');
const { INVALID_ARGUMENT } = require('./request');

const LEVELS = ['off', 'error', 'warn', 'info', 'debug', 'trace'];

let current = null;

/** Hands lines of that level and above to `log(level, line)`; with null they go to stderr again. */
function setLog(log, level = 'warn') {
    load();
    const number = LEVELS.indexOf(level);
    if (number < 0) {
        throw made(INVALID_ARGUMENT, `the log level is ${JSON.stringify(level)}, and is one of ${LEVELS.join(', ')}`);
    }
    const before = current;
    if (log === null) {
        check(lib.set_log(number, 0, 0, 0, out[1]), 1);
        current = null;
    } else {
        const queue = new Queue(() => forward(queue, log));
        try {
            check(lib.set_log_to(number, queue.handle, out[1]), 1);
        } catch (error) {
            queue.free();
            throw error;
        }
        current = { queue, log };
    }
    if (before === null) return;
    forward(before.queue, before.log);
    before.queue.free();
}

/** Hands over all lines that are there. */
function forward(queue, log) {
    for (let count; (count = queue.take(BATCH, false)) !== 0; queue.release()) {
        for (let i = 0, record = index.records; i < count; i++, record += 16) {
            if (words[record + 4] !== EVENT.LOG) continue;
            const [level, line] = [LEVELS[word(record + 2)], textOf(word(record + 6), word(record + 8))];
            // Not here: it may make calls of its own, which use the same arena.
            queueMicrotask(() => log(level, line));
        }
    }
}

module.exports = { setLog };
