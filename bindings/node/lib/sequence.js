// This file is the calls that are several requests, one after the other: waiting until something is done, batches, and
// uploads in parts. The library makes the requests; client.js calls this.
'use strict';

const { lib, out } = require('./native');
const { made } = require('./errors');
const { copyResponse } = require('./response');
const { withRequest, bufferOf, INVALID_ARGUMENT } = require('./request');

function waitUntil(core, path, options = {}) {
    const { headers, query, priority, field, statuses } = options;
    const json = jsonOf({ ...pollMembers(options), field, statuses });
    const look = { method: 'GET', path, headers, query, priority };
    return core.call(options, (client, queue, tag) => withRequest(look, (native) =>
        lib.wait_until_to(client, native, json, json.length, queue, tag, out[0], out[1])), copyResponse);
}

function runBatch(core, body, options = {}) {
    const json = jsonOf({ ...membersOf(body), ...pollMembers(options), progress: Boolean(options.onProgress) });
    const { input = null, output = null } = options;
    return core.call(options, (client, queue, tag) =>
        lib.batch_run_to(client, json, json.length, input, output, queue, tag, out[0], out[1]), copyResponse);
}

function uploadInParts(core, path, body, options = {}) {
    const json = jsonOf({ ...membersOf(body), progress: Boolean(options.onProgress) });
    return core.call(options, (client, queue, tag) =>
        lib.upload_to(client, json, json.length, path, queue, tag, out[0], out[1]), copyResponse);
}

function pollMembers({ intervalMs, maxIntervalMs, timeoutMs }) {
    const members = {};
    if (intervalMs !== undefined) members.interval_ms = Math.ceil(intervalMs);
    if (maxIntervalMs !== undefined) members.max_interval_ms = Math.ceil(maxIntervalMs);
    if (timeoutMs !== undefined) members.timeout_ms = Math.ceil(timeoutMs);
    return members;
}

/** The members of a body that is an object, or JSON of one as a text or bytes. */
function membersOf(body) {
    const isJSON = typeof body === 'string' || ArrayBuffer.isView(body);
    let members = body;
    try {
        if (isJSON) members = JSON.parse(bufferOf(body).toString());
    } catch (error) {
        throw made(INVALID_ARGUMENT, `the body is no JSON: ${error.message}`, { cause: error });
    }
    if (typeof members !== 'object' || members === null || Array.isArray(members)) {
        throw made(INVALID_ARGUMENT, 'the body is no JSON object');
    }
    return members;
}

function jsonOf(members) {
    return Buffer.from(JSON.stringify(members));
}

module.exports = { waitUntil, runBatch, uploadInParts };
