// This file tests the package as a whole: how it is loaded, that it lets the process end, that workers may use it, and
// that what its README and its examples say is true.
'use strict';

const assert = require('node:assert/strict');
const { execFileSync, spawn } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { after, before, test } = require('node:test');
const { Worker } = require('node:worker_threads');
const { startServer } = require('./server');

const root = path.join(__dirname, '..');

const readme = fs.readFileSync(path.join(root, 'README.md'), 'utf8');

/** A new folder into which koffi was installed before, so that npm need not ask the network for it. */
function newFolder() {
    const made = fs.mkdtempSync(path.join(os.tmpdir(), 'oaic-node-'));
    const [modules] = require.resolve('koffi').split(`${path.sep}koffi${path.sep}`);
    for (const name of ['koffi', '@koromix']) {
        if (fs.existsSync(path.join(modules, name))) {
            fs.cpSync(path.join(modules, name), path.join(made, 'node_modules', name), { recursive: true });
        }
    }
    return made;
}

/** Runs a command of npm in a folder. */
function npm(where, command) {
    execFileSync('sh', ['-ec', command], {
        cwd: where, stdio: ['ignore', 'ignore', 'inherit'],
        env: { ...process.env, npm_config_offline: 'true', npm_config_audit: 'false', npm_config_fund: 'false', npm_config_loglevel: 'error' },
    });
}

let server;
let folder;
before(async () => {
    server = await startServer();
    folder = newFolder();
    // As the README says it.
    const [command] = readme.match(/npm install .*/);
    npm(folder, command.replace('../oaic/bindings/node', root));
});
after(async () => {
    fs.rmSync(folder, { recursive: true });
    await server.stop();
});

/** Runs a program of the folder, and gives what it printed. It must end by itself. */
function run(file, text, { input = '', environment = {}, flags = [], args = [], where = folder } = {}) {
    if (text !== null) fs.writeFileSync(path.join(where, file), text);
    return new Promise((resolve, reject) => {
        // What the program needs is installed.
        const env = { ...server.environment, NODE_PATH: '', ...environment };
        const child = spawn(process.execPath, [...flags, file, ...args], {
            cwd: where, env, stdio: ['pipe', 'pipe', 'pipe'], timeout: 20_000,
        });
        let [output, errors] = ['', ''];
        child.stdout.on('data', (data) => { output += data; });
        child.stderr.on('data', (data) => { errors += data; });
        child.on('close', (code, signal) => {
            if (code === 0) resolve(output);
            else reject(new Error(`${file} ended with ${code ?? signal}: ${output}${errors}`));
        });
        child.stdin.end(input);
    });
}

test('ESM and CommonJS have the same classes', async () => {
    assert.equal(await run('both.mjs', `
        import { createRequire } from 'node:module';
        import * as named from 'oaic';
        const required = createRequire(import.meta.url)('oaic');
        const missing = Object.keys(required).filter((name) => named[name] !== required[name] || named.default[name] !== required[name]);
        console.log(missing.length, typeof named.Client, required.Client === named.Client);
    `), '0 function true\n');
});

test('a package with the library in it needs nothing else', async () => {
    const [copy, fresh] = [newFolder(), newFolder()];
    try {
        fs.cpSync(root, copy, { recursive: true });
        const name = process.platform === 'darwin' ? 'liboaic.0.dylib' : 'liboaic.so.0';
        const inside = path.join(copy, 'native', `${process.platform}-${process.arch}`);
        fs.mkdirSync(inside, { recursive: true });
        fs.copyFileSync(path.join(process.env.OAI_LIBRARY_PATH, name), path.join(inside, name));
        npm(copy, `npm pack --silent --pack-destination '${fresh}'`);
        npm(fresh, 'npm install ./oaic-*.tgz');
        const installed = path.join(fresh, 'node_modules', 'oaic');
        for (const file of ['LICENSE-MIT', 'README.md', 'lib/index.d.mts']) {
            assert.ok(fs.existsSync(path.join(installed, file)), `the package lacks ${file}`);
        }
        assert.ok(!fs.existsSync(path.join(installed, 'test')));
        const options = { where: fresh, environment: { OAI_LIBRARY_PATH: '' } };
        const use = "new Client().embed('m', 'text').then(({ rows }) => console.log(rows));";
        assert.equal(await run('a.mjs', `import { Client } from 'oaic'; ${use}`, options), '1\n');
        assert.equal(await run('a.cjs', `const { Client } = require('oaic'); ${use}`, options), '1\n');
    } finally {
        fs.rmSync(copy, { recursive: true });
        fs.rmSync(fresh, { recursive: true });
    }
});

test('the process ends by itself, with a client that is idle and after a stream', async () => {
    assert.equal(await run('idle.cjs', `
        const { Client, setLog } = require('oaic');
        setLog(() => {}, 'info');
        const client = new Client();
        const hello = { model: 'm', messages: [{ role: 'user', content: 'Hello' }] };
        client.chat(hello)
            .then(() => client.chatStream(hello).final())
            .then(async () => { for await (const event of client.chatStream(hello)) { console.log(typeof event); break; } })
            .then(() => { console.log('done'); globalThis.kept = client; });
    `), 'object\ndone\n');
});

test('a token provider lets the process end, and is waited for', async () => {
    assert.equal(await run('tokens.mjs', `
        import { Client } from 'oaic';
        import { setTimeout as sleep } from 'node:timers/promises';
        const tokenProvider = async () => { await sleep(10); return { token: 'token-1', expiresInMs: 3600_000 }; };
        globalThis.idle = new Client({ tokenProvider });
        globalThis.client = new Client({ tokenProvider });
        console.log((await client.models()).httpStatus);
    `), '200\n');
});

test('what is under way keeps the process alive', async () => {
    assert.equal(await run('alive.mjs', `
        import { Client } from 'oaic';
        const client = new Client({ requestsPerMinute: 600, burst: 1 });
        const ask = () => client.embed('m', 'text').then(() => process.stdout.write('.'));
        ask(); ask(); ask();
    `), '...');
});

test('a dropped client is collected', async () => {
    assert.equal(await run('dropped.cjs', `
        const fs = require('node:fs');
        const { Client } = require('oaic');
        const descriptors = () => fs.readdirSync('/dev/fd').length;
        const use = async () => { const client = new Client(); await client.embed('m', 'text'); };
        (async () => {
            await use();
            const before = descriptors();
            for (let i = 0; i < 50; i++) await use();
            for (let i = 0; i < 200 && descriptors() > before + 5; i++) {
                globalThis.gc();
                await new Promise((resolve) => setTimeout(resolve, 10));
            }
            console.log(descriptors() <= before + 5);
        })();
    `, { flags: ['--expose-gc'] }), 'true\n');
});

test('workers make clients of their own, and take all with them when they end', async () => {
    fs.writeFileSync(path.join(folder, 'worker.cjs'), `
        const { parentPort, workerData } = require('node:worker_threads');
        const { Client } = require('oaic');
        const client = new Client({ baseURL: workerData, apiKey: 'sk-worker', dotenv: false });
        client.embed('text-embedding-3-small', Array(64).fill('text')).then(({ data }) => {
            parentPort.postMessage(data);
            client.stream({ method: 'GET', path: '/hang' }).next();
            return client.request({ method: 'GET', path: '/hang' });
        });
        parentPort.on('message', () => process.exit());
    `);
    await server.ask('/_script', [{ match: { path: '/v1/hang' }, drop: 'hang', times: null }]);
    const descriptors = () => fs.readdirSync('/dev/fd').length;
    const before = descriptors();
    for (let round = 0; round < 3; round++) {
        await Promise.all(Array.from({ length: 4 }, async () => {
            const worker = new Worker(path.join(folder, 'worker.cjs'), { workerData: `${server.url}/v1` });
            const data = await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
            assert.equal(data.length, 64 * 1536);
            assert.ok(data.some((number) => number !== 0));
            const ended = new Promise((resolve) => worker.once('exit', resolve));
            worker.postMessage('end');
            assert.equal(await ended, 0);
        }));
    }
    assert.equal((await server.ask('/_stats?in_flight=0')).in_flight, 0);
    const main = server.client();
    assert.equal((await main.embed('text-embedding-3-small', 'still here')).rows, 1);
    main.close();
    // The runtime, which is one for the process, keeps some, as do connections.
    assert.ok(descriptors() < before + 20, `${descriptors()} descriptors are open, and ${before} were`);
});

test('the library is found by the system, and one that does not fit is named with both versions', async () => {
    const source = path.join(folder, 'other.c');
    const library = path.join(folder, process.platform === 'darwin' ? 'liboaic.0.dylib' : 'liboaic.so.0');
    fs.writeFileSync(source, 'unsigned oai_abi_version(void) { return 7u << 16 | 3u; }\n');
    execFileSync(process.env.CC || 'cc', ['-shared', '-fPIC', '-o', library, source]);
    const program = "const { Client } = require('oaic'); try { new Client(); } catch (error) { console.log(error.message); }";
    const said = await run('abi.cjs', program, { environment: { OAI_LIBRARY_PATH: folder } });
    assert.match(said, /liboaic\S* speaks ABI 7\.3, and this package needs 0\.\d+/);
    assert.ok(said.includes(library));

    const name = path.basename(library);
    fs.copyFileSync(path.join(process.env.OAI_LIBRARY_PATH, name), library);
    const good = { LD_LIBRARY_PATH: folder, DYLD_LIBRARY_PATH: folder, OAI_LIBRARY_PATH: '' };
    assert.equal(await run('abi.cjs', program, { environment: good }), '', 'the system does not find it');
    fs.writeFileSync(source, 'int nothing;\n');
    execFileSync(process.env.CC || 'cc', ['-shared', '-fPIC', '-o', library, source]);
    assert.match(await run('abi.cjs', program, { environment: { OAI_LIBRARY_PATH: library } }), /is not liboaic/);
    assert.match(await run('abi.cjs', program, { environment: { OAI_LIBRARY_PATH: '/nowhere' } }), /OAI_LIBRARY_PATH is "\/nowhere"/);
});

test('the code of the README runs', async () => {
    const blocks = [...readme.matchAll(/```js\n(.*?)```/gs)].map(([, code]) => code);
    assert.equal(blocks.length, 7);
    for (const name of ['large.jsonl', 'requests.jsonl']) fs.writeFileSync(path.join(folder, name), '{}\n');
    for (const [i, block] of blocks.entries()) {
        const program = block.startsWith('import') ? block : `import { Client } from 'oaic';\nconst client = new Client();\n${block}`;
        assert.notEqual(await run(`block${i}.mjs`, program), '', `block ${i} printed nothing`);
    }
});

test('the examples run', async () => {
    fs.cpSync(path.join(root, 'examples'), folder, { recursive: true });
    const input = 'Old wooden boats are mended at the wharf.\nThe bakery opens at five.\n';
    assert.match(await run('search.cjs', null, { input, args: ['Who mends wooden boats?'] }), /Old wooden boats/);
    assert.equal(await run('chat.mjs', null, { args: ['Hello'] }), 'You said: Hello\n');
    fs.writeFileSync(path.join(folder, 'in.jsonl'), '{}\n');
    assert.match(await run('batch.mjs', null, { args: ['/v1/embeddings', 'in.jsonl', 'out.jsonl'] }), /^completed/);
    assert.ok(fs.existsSync(path.join(folder, 'out.jsonl')));
});
