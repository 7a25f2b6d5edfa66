// This file is bearer tokens that rotate: the library asks for one in the client's queue, core.js hands the question over,
// and what the program's provider brings is the answer.
'use strict';

const { lib, out } = require('./native');
const { check, made } = require('./errors');
const { INVALID_ARGUMENT } = require('./request');

const UNKNOWN_ID = -6;

/** A provider in use. */
class Tokens {
    #core;
    #provider;
    #over = new AbortController();

    constructor(core, provider) {
        this.#core = core;
        this.#provider = provider;
    }

    /** Nobody waits for its answers any more. */
    end() {
        this.#over.abort();
    }

    /** Answers the question of that number. One that is no longer open is nobody's concern. */
    async answer(wanted) {
        try {
            const given = await this.#provider.call(undefined, { signal: this.#over.signal });
            this.#provide(wanted, typeof given === 'string' ? { token: given } : given ?? {});
        } catch (error) {
            if (error?.statusNumber !== UNKNOWN_ID) this.#refuse(wanted, String(error?.message ?? error));
        }
    }

    #provide(wanted, { token, expiresInMs }) {
        if (typeof token !== 'string') throw new TypeError('the token provider gave no token');
        const life = expiresInMs ?? Infinity;
        if (!(life > 0)) throw new RangeError(`the token had ended already: expiresInMs is ${expiresInMs}`);
        if (this.#core.handle === 0) return;
        const bytes = Buffer.from(token);
        const ms = life === Infinity ? 0 : Math.min(Math.ceil(life), Number.MAX_SAFE_INTEGER);
        check(lib.provide_token(this.#core.handle, wanted, bytes, bytes.length, ms, out[1]), 1);
    }

    #refuse(wanted, why) {
        if (this.#core.handle === 0) return;
        const bytes = Buffer.from(why);
        lib.refuse_token(this.#core.handle, wanted, bytes, bytes.length, 0);
    }
}

/** Lets a provider bring the core's tokens; null: none, undefined: as before. */
function setProvider(core, provider) {
    if (provider === undefined) return;
    if (provider !== null && typeof provider !== 'function') {
        throw made(INVALID_ARGUMENT, `tokenProvider is a ${typeof provider}, and must be a function or null`);
    }
    const client = core.use();
    const before = core.tokens;
    // Before the library may ask.
    core.tokens = provider === null ? null : new Tokens(core, provider);
    try {
        const queue = provider === null ? 0 : core.mainQueue().handle;
        check(lib.set_token_queue(client, queue, 0, out[1]), 1);
    } catch (error) {
        core.tokens = before;
        throw error;
    }
    before?.end();
}

module.exports = { setProvider };
