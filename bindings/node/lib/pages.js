// This file follows lists page by page. The library knows how a list goes on; the next page is asked for while the
// caller still looks at the one before.
'use strict';

const { lib, words, out, outAt } = require('./native');
const { check } = require('./errors');
const { build } = require('./request');
const { copyResponse } = require('./response');

async function* pages(core, request) {
    const native = build(request);
    // Set while a page is on its way: what cancels it.
    let cancel = null;
    const ask = () => {
        const page = new Promise((resolve, reject) => {
            const submit = (client, queue, tag) => lib.submit_to(client, native, queue, tag, out[0], out[1]);
            const finish = (view, response) => {
                const answer = copyResponse(view, response);
                check(lib.request_next_page(native, response, out[0], out[1]), 1);
                return { answer, more: words[outAt[0]] !== 0 };
            };
            const call = core.start(request, submit, finish, resolve, reject);
            cancel = call && (() => core.cancel(call.id));
        });
        // Whoever leaves the loop early is not told what became of a page that nobody waits for.
        page.catch(() => {});
        return page;
    };
    try {
        for (let next = ask(); next !== null;) {
            const { answer, more } = await next;
            cancel = null;
            next = more ? ask() : null;
            yield answer;
        }
    } finally {
        cancel?.();
        lib.request_free(native);
    }
}

module.exports = { pages };
