// This file runs the project's test server for the tests of this package.
'use strict';

const { spawn } = require('node:child_process');
const readline = require('node:readline');
const { Client } = require('oaic');

let clients = 0;

class Server {
    constructor(url, process) {
        this.url = url;
        this.process = process;
    }

    /** Asks the server at a control path: POST with a body, else GET. */
    async ask(path, body) {
        const answer = await fetch(this.url + path, body === undefined ? {} : {
            method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json' },
        });
        const text = await answer.text();
        if (!answer.ok) throw new Error(`${path}: HTTP ${answer.status}: ${text}`);
        return text === '' ? null : JSON.parse(text);
    }

    /** A client with a key, and so with limits, of its own. */
    client(options) {
        return new Client({ baseURL: `${this.url}/v1`, dotenv: false, apiKey: `test-key-${++clients}-${process.pid}`, ...options });
    }

    /** What a child process is to have in its environment to use the server. */
    get environment() {
        return { ...process.env, OPENAI_BASE_URL: `${this.url}/v1`, OPENAI_API_KEY: 'sk-readme', OAI_DOTENV: 'false' };
    }

    stop() {
        this.process.stdin.end();
        return new Promise((resolve) => this.process.once('exit', resolve));
    }
}

async function startServer() {
    const program = process.env.OAI_TEST_SERVER_BIN;
    if (!program) throw new Error("set OAI_TEST_SERVER_BIN to the test server's program; `make test-node` does");
    const child = spawn(program, ['--port', '0', '--exit-on-stdin-close'], { stdio: ['pipe', 'pipe', 'inherit'] });
    for await (const line of readline.createInterface({ input: child.stdout })) return new Server(line.trim(), child);
    throw new Error(`${program} ended before it said its URL`);
}

module.exports = { startServer };
