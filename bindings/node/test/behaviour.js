// This file replays the behaviour suite, tests/behaviour, through this package. Its README says what a runner does;
// calls.js makes the calls, pattern.js compares.
//
//     node test/behaviour.js FILE.json...
'use strict';

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');
const { Client, setLog, verifyWebhook } = require('oaic');
const { attempt, makeCall } = require('./calls');
const { matches } = require('./pattern');
const { startServer } = require('./server');

const LIMIT_MS = 20_000;
const CASE_KEYS = ['name', 'why', 'server', 'client', 'environment', 'files', 'log', 'created', 'steps'];

/** What each step may have besides `do`, and how it is done; it gives what differs, or '' or nothing. */
const STEPS = {
    call: [['call', 'expect'], async (run, step) => expected(step, await run.call(step.call))],
    start: [['as', 'call'], (run, step) => run.start(step.as, step.call)],
    finish: [['as', 'expect'], async (run, step) => expected(step, await run.started.get(step.as).outcome)],
    cancel: [['as'], (run, step) => run.started.get(step.as).abort.abort()],
    chunks: [['as', 'count'], (run, step) => run.started.get(step.as).waitFor(step.count)],
    server: [['path', 'json', 'expect'], async (run, step) => {
        const answer = await run.server.ask(step.path, step.json);
        return step.expect === undefined ? '' : matches(step.expect, answer, 'answer');
    }],
    gaps: [['at_least_ms'], (run, step) => run.gaps(step.at_least_ms)],
    configure: [['json', 'expect'], async (run, step) => expected(step, await attempt(() => run.client.configure(step.json)))],
    config: [['expect'], (run, step) => matches(step.expect, underscored(run.client.config()), 'config')],
    stats: [['expect'], (run, step) => matches(step.expect, run.client.stats(), 'stats')],
    prometheus: [['contains'], (run, step) => matches({ $contains: step.contains }, run.client.prometheus(), 'prometheus')],
    log: [['expect', 'never'], (run, step) => run.checkLog(step.expect ?? [], step.never ?? [])],
    webhook: [['secret', 'body', 'id', 'timestamp', 'signature', 'now_ms', 'expect'], async (run, step) => {
        const headers = { 'webhook-id': step.id, 'webhook-timestamp': step.timestamp, 'webhook-signature': step.signature };
        return expected(step, await attempt(() => (step.secret === undefined
            ? run.client.verifyWebhook(step.body, headers)
            : verifyWebhook(step.secret, step.body, headers, { nowMs: step.now_ms }))));
    }],
    close: [['timeout_ms', 'expect'], async (run, step) => expected(step, await attempt(() => run.client.drain(step.timeout_ms)))],
    free: [[], (run) => run.client.close()],
};

function expected(step, outcome) {
    return matches({ status: 'OAI_OK', ...step.expect }, outcome, 'outcome');
}

/** Options under the library's own names, which the cases use. */
function underscored(config) {
    return Object.fromEntries(Object.entries(config)
        .map(([name, value]) => [name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`), value]));
}

function checkKeys(object, known, what) {
    const unknown = Object.keys(object).filter((key) => !known.includes(key));
    if (unknown.length > 0) throw new Error(`${what} has keys that are not known: ${unknown}`);
}

/** A case under way. */
class Run {
    constructor(server, folder) {
        this.server = server;
        this.folder = folder;
        this.started = new Map();
        this.lines = [];
    }

    async prepare(given) {
        await this.server.ask('/_reset', {});
        checkKeys(given.server ?? {}, ['script', 'limits'], 'server');
        for (const part of ['script', 'limits']) {
            if (given.server?.[part] !== undefined) await this.server.ask(`/_${part}`, given.server[part]);
        }
        if (given.log !== undefined) setLog((level, text) => this.lines.push({ level, text }), given.log);
    }

    /** Makes the client in the case's folder, under the case's variables. */
    async create(given, key) {
        for (const [name, content] of Object.entries(given.files ?? {})) fs.writeFileSync(path.join(this.folder, name), content);
        const options = { base_url: `${this.server.url}/v1`, api_key: key, dotenv: false, ...given.client };
        for (const name of Object.keys(options)) if (options[name] === null) delete options[name];
        const back = process.cwd();
        process.chdir(this.folder);
        Object.assign(process.env, given.environment);
        try {
            return await attempt(() => { this.client = new Client(options); });
        } finally {
            for (const name of Object.keys(given.environment ?? {})) delete process.env[name];
            process.chdir(back);
        }
    }

    call(call, signal) {
        return makeCall(this.client, this.folder, call, { signal, chunk: () => {} });
    }

    /** Starts a call: the library has taken or refused it when this returns, as its functions do not block. */
    start(name, call) {
        const abort = new AbortController();
        let [chunks, over, wake] = [0, false, () => {}];
        const told = { signal: abort.signal, chunk: (count) => { chunks = count; wake(); } };
        const outcome = makeCall(this.client, this.folder, call, told);
        outcome.catch(() => {}).finally(() => { over = true; wake(); });
        const waitFor = async (count) => {
            while (chunks < count && !over) await new Promise((resolve) => { wake = resolve; });
        };
        this.started.set(name, { outcome, abort, waitFor });
    }

    async gaps(atLeast) {
        const times = (await this.server.ask('/_log')).map((arrival) => arrival.t_ms);
        if (times.length !== atLeast.length + 1) return `${times.length} requests arrived, not ${atLeast.length + 1}`;
        const wrong = atLeast.findIndex((least, i) => times[i + 1] - times[i] < least);
        return wrong < 0 ? '' : `gap ${wrong} is ${times[wrong + 1] - times[wrong]} ms, not ${atLeast[wrong]}`;
    }

    async checkLog(expect, never) {
        for (const { level, contains } of expect) {
            while (!this.lines.some((line) => line.level === level && line.text.includes(contains))) await sleep(1);
        }
        const bad = never.find((text) => this.lines.some((line) => line.text.includes(text)));
        return bad === undefined ? '' : `a line of the log holds ${JSON.stringify(bad)}`;
    }

    async end(logged) {
        this.client?.close();
        for (const { outcome } of this.started.values()) await outcome.catch(() => {});
        if (logged) setLog(null);
        fs.rmSync(this.folder, { recursive: true });
    }
}

/** Tells what of a case was not as expected; '' if all was. */
async function runCase(server, text, number) {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'oaic-behaviour-'));
    const place = { server: server.url, key: `sk-test-node-${process.pid}-${number}`, dir: folder };
    const given = JSON.parse(text.replace(/\$\{(server|key|dir)\}/g, (_, name) => place[name]));
    const run = new Run(server, folder);
    try {
        checkKeys(given, CASE_KEYS, 'the case');
        await run.prepare(given);
        const created = await run.create(given, place.key);
        const difference = matches({ status: 'OAI_OK', ...given.created }, created, 'created');
        if (difference !== '') return difference;
        for (const [i, step] of given.steps.entries()) {
            const difference = await doStep(run, step).catch((error) => `the runner failed: ${error.stack}`);
            if (difference) return `step ${i} (${step.do}): ${difference}`;
        }
        return '';
    } catch (error) {
        return `the runner failed: ${error.stack}`;
    } finally {
        await run.end(given.log !== undefined);
    }
}

async function doStep(run, step) {
    if (!Object.hasOwn(STEPS, step.do)) return 'there is no such step';
    const [keys, act] = STEPS[step.do];
    checkKeys(step, ['do', ...keys], 'the step');
    const timer = new AbortController();
    const late = sleep(LIMIT_MS, `took longer than ${LIMIT_MS / 1000} seconds`, { signal: timer.signal }).catch(() => '');
    try {
        return await Promise.race([act(run, step), late]);
    } finally {
        timer.abort();
    }
}

async function main(files) {
    const server = await startServer();
    let [passed, all] = [0, 0];
    for (const file of files) {
        for (const given of JSON.parse(fs.readFileSync(file, 'utf8'))) {
            const failure = await runCase(server, JSON.stringify(given), ++all);
            if (failure === '') passed++;
            else console.log(`${path.basename(file)}: ${given.name}: ${failure}`);
        }
    }
    await server.stop();
    console.log(`behaviour node: ${passed} of ${all} cases passed`);
    process.exitCode = passed === all && all > 0 ? 0 : 1;
}

main(process.argv.slice(2));
