// This file is the calls that are several requests, one after the other: waiting until something is done, batches, and
// uploads in parts. The library makes the requests; client.js calls this.
'use strict';

const { lib, out } = require('./native');
const { made } = require('./errors');
const { copyResponse } = require('./response');
const { withRequest, bufferOf, INVALID_ARGUMENT } = require('./request');

/** What the calls take. */
const POLL_OPTIONS = ['signal', 'timeoutMs', 'intervalMs', 'maxIntervalMs'];
const WAIT_OPTIONS = [...POLL_OPTIONS, 'headers', 'query', 'priority', 'field', 'statuses'];
const BATCH_OPTIONS = [...POLL_OPTIONS, 'input', 'output', 'onProgress'];
const PARTS_OPTIONS = ['signal', 'onProgress'];

/** Refuses options that a call does not take: one that is misspelt would be ignored, and a wait be without its end. */
function checkNames(options, call, names) {
    const wrong = Object.keys(options).find((name) => !names.includes(name));
    if (wrong !== undefined) {
        throw made(INVALID_ARGUMENT, `${call} takes no option ${JSON.stringify(wrong)}, but ${names.join(', ')}`);
    }
}

function waitUntil(core, path, options = {}) {
    checkNames(options, 'waitUntil', WAIT_OPTIONS);
    const { headers, query, priority, field, statuses } = options;
    const json = jsonOf({ ...pollMembers(options), field, statuses });
    const look = { method: 'GET', path, headers, query, priority };
    return core.call(options, (client, queue, tag) => withRequest(look, (native) =>
        lib.wait_until_to(client, native, json, json.length, queue, tag, out[0], out[1])), copyResponse);
}

function runBatch(core, body, options = {}) {
    checkNames(options, 'runBatch', BATCH_OPTIONS);
    const json = jsonOf({ ...membersOf(body), ...pollMembers(options), progress: Boolean(options.onProgress) });
    const { input = null, output = null } = options;
    return core.call(options, (client, queue, tag) =>
        lib.batch_run_to(client, json, json.length, input, output, queue, tag, out[0], out[1]), copyResponse);
}

function uploadInParts(core, path, body, options = {}) {
    checkNames(options, 'uploadInParts', PARTS_OPTIONS);
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
