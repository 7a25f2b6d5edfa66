// This file verifies webhooks. client.js does so with a client's secret, verifyWebhook with a given one.
'use strict';

const { lib, load, out } = require('./native');
const { check } = require('./errors');
const { bufferOf } = require('./request');

/** Throws an error of the status OAI_ERR_WEBHOOK unless the webhook was signed with the secret, not long ago. */
function verifyWebhook(secret, body, headers, { toleranceMs = 0, nowMs = 0 } = {}) {
    load();
    const bytes = bufferOf(body);
    const { id, timestamp, signature } = signedOf(headers);
    check(lib.webhook_verify_secret(secret, bytes, bytes.length, id, timestamp, signature, toleranceMs, nowMs, out[1]),
        1);
}

/** What a webhook's headers, an object as node:http has it or Headers, say of its signature. */
function signedOf(headers) {
    const get = (name) => (typeof headers.get === 'function' ? headers.get(name) : headers[name]) ?? null;
    return { id: get('webhook-id'), timestamp: get('webhook-timestamp'), signature: get('webhook-signature') };
}

module.exports = { verifyWebhook, signedOf };
