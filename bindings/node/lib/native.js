// This file finds and loads the C library, and holds its functions and the memory through which it answers. All of the
// package calls C through here; nothing here knows what the functions are for.
//
// Addresses are plain numbers, which koffi takes fastest; a pointer of a 64-bit process fits into a number's 53 bits.
// What C writes lands in one arena outside of V8's heap, whose address is asked for once.
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const koffi = require('koffi');

// What this package needs of the library: its own epoch, and at least these additions. They are OAI_ABI_EPOCH and
// OAI_ABI_ADDITIONS of the include/oai.h that it was written for.
const ABI_EPOCH = 0;
const ABI_ADDITIONS = 3;

// The functions, each with what it returns and takes: i and u are (u)int32, l is uint64, n int64, p an address as a number, s a
// text or null, b a buffer or null, v nothing.
const FUNCTIONS = {
    abi_version: 'u', status_name: 'p i', string_free: 'v p', set_log: 'i ipppp', set_log_to: 'i ipp',
    client_new: 'i blpp', client_configure_json: 'i pblp', client_config_json: 'i pppp', client_close: 'i plp',
    client_free: 'v p', client_stats_json: 'i pppp', client_stats_prometheus: 'i pppp', cancel: 'i plp',
    request_new: 'i sspp', request_free: 'v p', request_set_json: 'i pbl', request_add_query: 'i pss',
    request_set_header: 'i pss', request_set_dimensions: 'i pu', request_set_user: 'i ps', request_set_stream: 'i pi',
    request_set_priority: 'i pu', request_set_timeout_ms: 'i pl', request_set_idempotency_key: 'i ps',
    request_add_field: 'i psbl', request_add_file: 'i psssbl', request_add_file_path: 'i pssss',
    request_set_output_path: 'i ps', request_set_output_fd: 'i pi', request_set_progress: 'i pi',
    request_next_page: 'i pppp', response_get_view: 'i pp', response_header_at: 'i plpp', response_usage: 'i pppp',
    response_free: 'v p', response_fallback: 'u p', error_get_view: 'i pp', error_free: 'v p', queue_new: 'i pp', queue_free: 'v p',
    queue_dup_fd: 'n p', queue_next: 'i plp', submit_to: 'i ppplpp', embed_to: 'i psbblpplpp', batch_records: 'i ppp',
    batch_views: 'i ppp', batch_free: 'v p', record_take_response: 'p p', fold_new: 'i pp', fold_push: 'i pblp',
    fold_finish: 'i pppp', fold_free: 'v p', webhook_verify: 'i pblssslp', webhook_verify_secret: 'i sblsssllp',
    wait_until_to: 'i ppblplpp', batch_run_to: 'i pblssplpp', upload_to: 'i pblsplpp', set_token_queue: 'i pplp',
    provide_token: 'i plbllp', refuse_token: 'i plblp',
};
const TYPES = { i: 'int32_t', u: 'uint32_t', l: 'uint64_t', n: 'int64_t', p: 'uintptr_t', s: 'str', b: 'void *', v: 'void' };

// The names under which the library is found, the one with its ABI's epoch first.
const NAMES = process.platform === 'darwin' ? ['liboaic.0.dylib', 'liboaic.dylib'] : ['liboaic.so.0', 'liboaic.so'];

/** The functions of the library, each under its name without oai_; empty until load() has filled it. */
const lib = {};

let loaded = false;

/** Loads the library unless it is loaded; throws an Error that says where it was looked for, or what does not fit. */
function load() {
    if (loaded) return;
    const { library, file } = find();
    let version;
    try {
        version = declare(library, 'abi_version')();
    } catch {
        throw new Error(`oaic: ${file} is not liboaic: it has no oai_abi_version`);
    }
    const [epoch, additions] = [version >>> 16, version & 0xffff];
    if (epoch !== ABI_EPOCH || additions < ABI_ADDITIONS) {
        throw new Error(`oaic: ${file} speaks ABI ${epoch}.${additions}, and this package needs ` +
            `${ABI_EPOCH}.${ABI_ADDITIONS} or a later ${ABI_EPOCH}.x: install the liboaic that came with this package, ` +
            'or point OAI_LIBRARY_PATH at it');
    }
    for (const name of Object.keys(FUNCTIONS)) lib[name] = declare(library, name);
    const process_ = koffi.load(null);
    lib.copy = process_.func('memcpy', TYPES.p, [TYPES.b, TYPES.p, TYPES.l]);
    lib.copyTo = process_.func('memcpy', TYPES.p, [TYPES.p, TYPES.p, TYPES.l]);
    loaded = true;
}

function declare(library, name) {
    const [result, parameters = ''] = FUNCTIONS[name].split(' ');
    return library.func(`oai_${name}`, TYPES[result], [...parameters].map((letter) => TYPES[letter]));
}

/** Loads the library from the first place that has it. */
function find() {
    const given = process.env.OAI_LIBRARY_PATH;
    const packaged = path.join(__dirname, '..', 'native', `${process.platform}-${process.arch}`);
    const tried = [];
    const places = given ? candidates(given) : [...candidates(packaged).filter(fs.existsSync), ...NAMES];
    for (const file of places) {
        try {
            return { library: koffi.load(file), file };
        } catch (error) {
            tried.push(error.message);
        }
    }
    const where = given
        ? `OAI_LIBRARY_PATH is ${JSON.stringify(given)}, and no liboaic could be loaded from there`
        : 'liboaic was found neither in this package nor where the system looks; set OAI_LIBRARY_PATH to its file or folder';
    throw new Error(`oaic: ${where}: ${tried.join('; ')}`);
}

/** The files that may be meant by a path: itself, or those of a folder. */
function candidates(place) {
    const folder = fs.statSync(place, { throwIfNoEntry: false })?.isDirectory();
    return folder ? NAMES.map((name) => path.join(place, name)) : [path.resolve(place)];
}

// ===== the arena =====

/** The most events that are taken at once: enough that the calls cost little beside them. */
const BATCH = 256;

/** The size of oai_event_record and of oai_response_view, in bytes and in 32-bit words. */
const RECORD = 64;
const VIEW = 112;

// Its parts, in bytes: four words for out-parameters, views of one response and one error, then those of a batch.
const OUT = 0;
const ONE_VIEW = 64;
const ERROR = 192;
const RECORDS = 320;
const VIEWS = RECORDS + BATCH * RECORD;

const arena = new ArrayBuffer(VIEWS + BATCH * VIEW);
const base = Number(koffi.address(new Uint8Array(arena)));

/** The arena as 32-bit words; pointers and sizes are read by word(). */
const words = new Uint32Array(arena);
const signed = new Int32Array(arena);

/** The 64-bit number at an index of `words`. */
function word(index) {
    return words[index] + words[index + 1] * 4294967296;
}

/** The addresses of the out-parameters, and the indexes of `words` where their values are read. */
const out = [0, 1, 2, 3].map((i) => base + OUT + 8 * i);
const outAt = [0, 1, 2, 3].map((i) => (OUT + 8 * i) / 4);

// ===== values out of C =====

/** A NUL-terminated text of C; '' for NULL. */
function text(address) {
    return address === 0 ? '' : koffi.decode.string(BigInt(address));
}

/** A text of C by its length. */
function textOf(address, length) {
    return length === 0 ? '' : koffi.decode.string(BigInt(address), length);
}

/** A copy of C memory. */
function bytes(address, length) {
    const copy = Buffer.allocUnsafe(length);
    if (length !== 0) lib.copy(copy, address, length);
    return copy;
}

/** C memory itself as an ArrayBuffer, valid as long as what owns it. */
function memory(address, length) {
    return koffi.view(BigInt(address), length);
}

/** A text that the library handed over through out[0] and out[1], which is freed. */
function takeText() {
    const address = word(outAt[0]);
    const copy = bytes(address, word(outAt[1]));
    lib.string_free(address);
    return copy;
}

module.exports = {
    lib, load, koffi, BATCH, RECORD, VIEW, words, signed, word, out, outAt, text, textOf, bytes, memory, takeText,
    at: { oneView: base + ONE_VIEW, error: base + ERROR, records: base + RECORDS, views: base + VIEWS },
    index: { oneView: ONE_VIEW / 4, error: ERROR / 4, records: RECORDS / 4, views: VIEWS / 4 },
};
